// The frame: which room is shown, how the server is asked, and what is said when it fails.

import { openBrowse } from "./browse.js";
import { openDraw } from "./draw.js";
import { openRuns } from "./runs.js";

const trouble = document.querySelector("#trouble");

export function say(text) {
  trouble.textContent = text;
  trouble.hidden = !text;
}

// An error that the page has told of.
class Said extends Error {
  constructor(text, status) {
    super(text);
    this.status = status;
    say(text);
  }
}
addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof Said) event.preventDefault();
});

let lost = false;

// Ask for the server until it is back; rooms hear of it by the event "back".
async function reconnect() {
  if (lost) return;
  lost = true;
  while (lost) {
    await new Promise((done) => setTimeout(done, 1000));
    try {
      const told = await (await fetch("/api/about")).text();
      if (about && told !== JSON.stringify(about)) {
        say("The server is back, with other contents: reload the page.");
        return;
      }
      lost = false;
    } catch { /* not yet */ }
  }
  say("");
  dispatchEvent(new Event("back"));
}

export async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    reconnect();
    throw new Said("The server does not answer. Is it still running? Trying again …");
  }
  if (!answer.ok) {
    let reason = `The server answered ${answer.status}.`;
    try {
      reason = (await answer.json()).error ?? reason;
    } catch { /* it was no JSON */ }
    throw new Said(reason, answer.status);
  }
  say("");
  return answer;
}

export function send(path, document) {
  return ask(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(document),
  });
}

export function paint(canvas, side, pixels) {
  canvas.width = canvas.height = side;
  const image = new ImageData(side, side);
  for (let i = 0; i < side * side; i++) {
    image.data.fill(pixels[i], 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

export function bytes(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

const rooms = { draw: openDraw, browse: openBrowse, runs: openRuns };
const opened = new Set();
let about;

async function show() {
  const name = location.hash.slice(1) in rooms ? location.hash.slice(1) : "draw";
  for (const room of Object.keys(rooms)) {
    document.querySelector(`#room-${room}`).hidden = room !== name;
    const link = document.querySelector(`nav a[href="#${room}"]`);
    if (room === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${name[0].toUpperCase()}${name.slice(1)}: quickdraw_kit`;
  about ??= await (await ask("/api/about")).json();
  if (name === "runs" || !opened.has(name)) {
    opened.add(name);
    await rooms[name](about);
  }
}

addEventListener("hashchange", show);
addEventListener("back", show);
show();
