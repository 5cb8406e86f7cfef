// The frame of the page: navigation between views, requests to the server, error messages.

import { openBrowse } from "./browse.js";
import { openDraw } from "./draw.js";
import { openRuns } from "./runs.js";

const errorBox = document.querySelector("#error");

// Show an error above the view, or hide it if the text is empty.
export function showError(text) {
  errorBox.textContent = text;
  errorBox.hidden = !text;
}

// An error that is already shown; the console need not report it again.
class RequestError extends Error {
  constructor(text, status) {
    super(text);
    this.status = status;
    showError(text);
  }
}
addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof RequestError) event.preventDefault();
});

let disconnected = false;

// Poll the server until it responds; then dispatch "reconnected", on which views continue.
async function reconnect() {
  if (disconnected) return; // several requests may fail at once
  disconnected = true;
  while (disconnected) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    try {
      const text = await (await fetch("/api/about")).text();
      // another model or other collections: what the views show does not fit any more
      if (about && text !== JSON.stringify(about)) {
        showError("The server is back with other content: reload the page.");
        return;
      }
      disconnected = false;
    } catch { /* still down */ }
  }
  showError("");
  dispatchEvent(new Event("reconnected"));
}

// Fetch a path; failures are shown, and thrown so that the caller stops.
export async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    reconnect();
    throw new RequestError("The server does not respond. Is it still running? Retrying …");
  }
  if (!response.ok) {
    let reason = `The server responded with ${response.status}.`;
    try {
      reason = (await response.json()).error ?? reason;
    } catch { /* not JSON */ }
    throw new RequestError(reason, response.status);
  }
  showError("");
  return response;
}

// The content type makes browsers send a preflight request for pages of another origin.
export function post(path, content) {
  return request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
  });
}

// Draw a square grayscale bitmap, one byte per pixel.
export function paint(canvas, side, pixels) {
  canvas.width = canvas.height = side;
  const image = new ImageData(side, side);
  for (let i = 0; i < side * side; i++) {
    image.data.fill(pixels[i], 4 * i, 4 * i + 3);
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

export function decodeBase64(base64) {
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
  about ??= await (await request("/api/about")).json();
  // runs may have advanced since; the other views update themselves
  if (name === "runs" || !opened.has(name)) {
    opened.add(name);
    await views[name](about);
  }
}

addEventListener("hashchange", show);
addEventListener("reconnected", show);
show();
