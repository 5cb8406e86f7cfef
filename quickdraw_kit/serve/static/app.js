// The frame: which view is shown, requests to the server, and error messages.

import { openBrowse } from "./browse.js";
import { openDraw } from "./draw.js";
import { openRuns } from "./runs.js";

const trouble = document.querySelector("#trouble");

export function say(text) {
  trouble.textContent = text;
  trouble.hidden = !text;
}

// An error that the page has shown.
class Reported extends Error {
  constructor(text, status) {
    super(text);
    this.status = status;
    say(text);
  }
}
addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof Reported) event.preventDefault();
});

let lost = false;

// Poll the server until it is back; then views get the event "back".
async function reconnect() {
  if (lost) return;
  lost = true;
  while (lost) {
    await new Promise((done) => setTimeout(done, 1000));
    try {
      const text = await (await fetch("/api/about")).text();
      if (about && text !== JSON.stringify(about)) {
        say("The server is back with other content: reload the page.");
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
    throw new Reported("The server does not respond. Is it still running? Trying again …");
  }
  if (!answer.ok) {
    let reason = `The server responded with ${answer.status}.`;
    try {
      reason = (await answer.json()).error ?? reason;
    } catch { /* not JSON */ }
    throw new Reported(reason, answer.status);
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

const views = { draw: openDraw, browse: openBrowse, runs: openRuns };
const opened = new Set();
let about;

async function show() {
  const name = location.hash.slice(1) in views ? location.hash.slice(1) : "draw";
  for (const view of Object.keys(views)) {
    document.querySelector(`#view-${view}`).hidden = view !== name;
    const link = document.querySelector(`nav a[href="#${view}"]`);
    if (view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${name[0].toUpperCase()}${name.slice(1)}: quickdraw_kit`;
  about ??= await (await ask("/api/about")).json();
  if (name === "runs" || !opened.has(name)) {
    opened.add(name);
    await views[name](about);
  }
}

addEventListener("hashchange", show);
addEventListener("back", show);
show();
