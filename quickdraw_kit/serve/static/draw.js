// The draw view: strokes with times, guesses while the pen moves, and rounds of 20 seconds.

import { decodeBase64, paint, post, showError } from "./app.js";

const ROUND = 20; // seconds, as in the game
const WIN_PROBABILITY = 0.5; // of the word, as the first guess, for the end of a round
const REQUEST_INTERVAL = 200; // ms, while the pen moves; the end of a stroke sends a request at once
const KEY_STEP = 8; // pixels per arrow key

const canvas = document.querySelector("#canvas");
const context = canvas.getContext("2d");
const prompt = document.querySelector("#prompt");
const clock = document.querySelector("#clock");
const message = document.querySelector("#message");
const list = document.querySelector("#guesses");
const modelInput = document.querySelector("#model-input");
const undo = document.querySelector("#undo");
const clear = document.querySelector("#clear");
const keep = document.querySelector("#keep");

let strokes = []; // each [xs, ys, ts]
let stroke = null; // the one that is being drawn; null while the pen is up
let startTime = null; // of the first point
let version = 0; // counts changes of the drawing
let shownVersion = 0; // the one that the guesses belong to
let requesting = false;
let requestTime = 0; // when the last request was sent
let requestTimer = null; // of the next one
let word = null; // of the round
let deadline = null; // of the round; null when it is over
let clockTimer = null;
let recognized = false;
let cursor = null; // pen of the keyboard: [x, y]; null while the mouse draws

export function openDraw(about) {
  if (!about.labels.length) {
    prompt.textContent = "No model";
    message.textContent = "Start the server with a model: quickdraw-kit serve --model …";
    for (const button of document.querySelectorAll("#view-draw button")) button.disabled = true;
    canvas.setAttribute("aria-disabled", "true");
    return;
  }
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("keydown", key);
  canvas.addEventListener("blur", () => { if (cursor) endStroke(); cursor = null; redraw(); });
  undo.addEventListener("click", undoStroke);
  clear.addEventListener("click", clearDrawing);
  document.querySelector("#round").addEventListener("click", () => startRound(about.words));
  addEventListener("reconnected", guess);
  keep.hidden = !about.can_keep;
  keep.addEventListener("click", () => keepDrawing(about.words));
  redraw();
}

// Position of an event in pixels of the canvas, which CSS may have scaled.
function position(event) {
  const box = canvas.getBoundingClientRect();
  const border = canvas.clientLeft;
  const scale = canvas.width / canvas.clientWidth;
  return [(event.clientX - box.left - border) * scale, (event.clientY - box.top - border) * scale];
}

function addPoint(x, y) {
  const now = performance.now();
  startTime ??= now;
  const [xs, ys, ts] = stroke;
  if (xs.at(-1) === x && ys.at(-1) === y) return;
  xs.push(x);
  ys.push(y);
  ts.push(Math.round(now - startTime));
}

function startStroke(x, y) {
  stroke = [[], [], []];
  strokes.push(stroke);
  addPoint(x, y);
}

function endStroke() {
  if (!stroke) return;
  stroke = null;
  changed();
}

function down(event) {
  if (event.button !== 0 || !event.isPrimary) return;
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  try {
    canvas.setPointerCapture(event.pointerId);
  } catch { /* the pointer was released already */ }
  startStroke(...position(event));
  changed();
}

function move(event) {
  if (!stroke || !event.isPrimary || cursor) return;
  // the movements since the last frame, so that fast strokes stay smooth
  const events = event.getCoalescedEvents?.() ?? [];
  for (const each of events.length ? events : [event]) addPoint(...position(each));
  changed();
}

function up(event) {
  if (event.isPrimary && !cursor) endStroke();
}

function key(event) {
  const steps = {
    ArrowLeft: [-KEY_STEP, 0], ArrowRight: [KEY_STEP, 0], ArrowUp: [0, -KEY_STEP], ArrowDown: [0, KEY_STEP],
  };
  if (event.key in steps) {
    event.preventDefault();
    cursor ??= [canvas.width / 2, canvas.height / 2];
    cursor = cursor.map((v, i) => Math.min(Math.max(v + steps[event.key][i], 0), canvas.width));
    if (stroke) {
      addPoint(...cursor);
      changed();
    } else redraw();
  } else if (event.key === " ") {
    event.preventDefault();
    cursor ??= [canvas.width / 2, canvas.height / 2];
    if (stroke) endStroke();
    else {
      startStroke(...cursor);
      changed();
    }
  } else if (event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey))) {
    event.preventDefault();
    undoStroke();
  }
}

function undoStroke() {
  stroke = null;
  strokes.pop();
  changed();
}

function clearDrawing() {
  stroke = null;
  strokes = [];
  startTime = null;
  recognized = false;
  changed();
}

function changed() {
  version += 1;
  canvas.dataset.version = version;
  redraw();
  clearTimeout(requestTimer);
  const delay = requestDelay();
  if (delay > 0) requestTimer = setTimeout(guess, delay);
  else guess();
}

function requestDelay() {
  return stroke ? requestTime + REQUEST_INTERVAL - performance.now() : 0;
}

function redraw() {
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.lineWidth = 6;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = "#111";
  for (const [xs, ys] of strokes) {
    context.beginPath();
    context.moveTo(xs[0], ys[0]);
    for (let i = 0; i < xs.length; i++) context.lineTo(xs[i], ys[i]);
    context.stroke();
  }
  if (cursor) {
    context.strokeStyle = stroke ? "#a92d1f" : "#1d5f8a";
    context.lineWidth = 2;
    context.beginPath();
    context.arc(cursor[0], cursor[1], 8, 0, 7);
    context.stroke();
  }
  undo.disabled = clear.disabled = keep.disabled = !strokes.length;
}

// Request guesses until they belong to the newest drawing. One request at a time: a slow server
// gets fewer requests, and responses cannot overtake each other.
async function guess() {
  if (requesting) return;
  requesting = true;
  try {
    while (shownVersion < version) {
      const delay = requestDelay();
      if (delay > 0) {
        requestTimer = setTimeout(guess, delay);
        break;
      }
      const sentVersion = version; // it may grow while the request is under way
      requestTime = performance.now();
      if (!strokes.length) {
        list.replaceChildren();
        paint(modelInput, 28, new Uint8Array(784));
        message.textContent = word ? `Draw: ${word}.` : "Draw something, and the model guesses what it is.";
        shownVersion = sentVersion;
        continue;
      }
      const response = await (await post("/api/guess", { strokes })).json();
      shownVersion = sentVersion;
      showGuesses(response);
    }
  } catch (error) { // it is already shown; a busy server gets the drawing again
    if (error.status === 503) requestTimer = setTimeout(guess, 1000);
  } finally {
    requesting = false;
    canvas.dataset.shownVersion = shownVersion;
  }
}

function showGuesses({ side, image, guesses }) {
  paint(modelInput, side, decodeBase64(image));
  list.replaceChildren(...guesses.map(({ name, probability }) => {
    const row = document.createElement("li");
    const label = document.createElement("span");
    const percent = document.createElement("span");
    label.textContent = name;
    percent.textContent = `${(100 * probability).toFixed(0)} %`;
    row.append(label, percent);
    row.style.setProperty("background",
      `linear-gradient(90deg, color-mix(in srgb, var(--accent) 35%, var(--soft)) ${100 * probability}%, var(--soft) 0)`);
    if (name === word) row.className = "correct";
    return row;
  }));
  if (recognized) return; // the message of the round stays

  const [first] = guesses;
  if (word && first.name === word && first.probability >= WIN_PROBABILITY && deadline) {
    recognized = true;
    const left = Math.ceil((deadline - performance.now()) / 1000);
    endRound(`Oh I know, it's ${word}! ${ROUND - left} seconds.`);
  } else {
    const likely = guesses.filter((g) => g.probability > 0.08).slice(0, 3);
    message.textContent = `I see ${(likely.length ? likely : [first]).map((g) => g.name).join(", or ")}.`;
  }
}

function startRound(words) {
  word = words[Math.floor(Math.random() * words.length)];
  clearDrawing();
  prompt.textContent = `Draw: ${word}`;
  message.textContent = `Draw ${word} in ${ROUND} seconds.`;
  deadline = performance.now() + ROUND * 1000;
  clearInterval(clockTimer);
  clockTimer = setInterval(updateClock, 200);
  updateClock();
  canvas.focus({ preventScroll: true });
}

function updateClock() {
  const left = Math.max(Math.ceil((deadline - performance.now()) / 1000), 0);
  if (clock.textContent !== String(left)) clock.textContent = left;
  if (!left) endRound(`Time's up! The word was ${word}.`);
}

function endRound(text) {
  clearInterval(clockTimer);
  deadline = null;
  message.textContent = text;
}

// Save the drawing under the word of the round, or under the first guess.
async function keepDrawing(words) {
  const name = word ?? list.querySelector("li span")?.textContent;
  if (!words.includes(name)) {
    showError("Start a round first: the drawing is saved under its word.");
    return;
  }
  const { key_id: id } = await (await post("/api/keep", { word: name, recognized, strokes })).json();
  message.textContent = `Saved as ${name}, key_id ${id}.`;
}
