// The draw view: strokes with times, guesses while the pen moves, and rounds of 20 seconds.

import { bytes, paint, say, send } from "./app.js";

const ROUND = 20; // seconds, as in the game
const SURE = 0.5; // probability of the first guess that wins a round
const GAP = 200; // ms between requests while the pen moves; the end of a stroke sends one at once
const STEP = 8; // pixels, of the pen that the keyboard moves

const canvas = document.querySelector("#canvas");
const context = canvas.getContext("2d");
const prompt = document.querySelector("#prompt");
const clock = document.querySelector("#clock");
const said = document.querySelector("#said");
const list = document.querySelector("#guesses");
const seen = document.querySelector("#seen");
const undo = document.querySelector("#undo");
const clear = document.querySelector("#clear");
const keep = document.querySelector("#keep");

let strokes = []; // each [xs, ys, ts]
let pen = null; // the stroke under the pen
let began = null; // when the first point was set
let changes = 0; // of the drawing
let shown = 0;
let asking = false;
let asked = 0; // when the last request was sent
let waiting = null; // the timer of the next one
let word = null; // of the round
let ends = null;
let ticking = null;
let recognized = false;
let cursor = null; // of the keyboard: [x, y]

export function openDraw(about) {
  if (!about.labels.length) {
    prompt.textContent = "No model";
    said.textContent = "Start the server with a model: quickdraw-kit serve --model …";
    for (const button of document.querySelectorAll("#view-draw button")) button.disabled = true;
    canvas.setAttribute("aria-disabled", "true");
    return;
  }
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("keydown", key);
  canvas.addEventListener("blur", () => { if (cursor) lift(); cursor = null; redraw(); });
  undo.addEventListener("click", takeBack);
  clear.addEventListener("click", wipe);
  document.querySelector("#round").addEventListener("click", () => startRound(about.words));
  addEventListener("back", guess);
  keep.hidden = !about.keeps;
  keep.addEventListener("click", () => store(about.words));
  redraw();
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  const border = canvas.clientLeft;
  const scale = canvas.width / canvas.clientWidth;
  return [(event.clientX - box.left - border) * scale, (event.clientY - box.top - border) * scale];
}

function add(x, y) {
  const now = performance.now();
  began ??= now;
  const [xs, ys, ts] = pen;
  if (xs.at(-1) === x && ys.at(-1) === y) return;
  xs.push(x);
  ys.push(y);
  ts.push(Math.round(now - began));
}

function set(x, y) {
  pen = [[], [], []];
  strokes.push(pen);
  add(x, y);
}

function lift() {
  if (!pen) return;
  pen = null;
  changed();
}

function down(event) {
  if (event.button !== 0 || !event.isPrimary) return;
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  try {
    canvas.setPointerCapture(event.pointerId);
  } catch { /* the pointer was released already */ }
  set(...place(event));
  changed();
}

function move(event) {
  if (!pen || !event.isPrimary || cursor) return;
  const events = event.getCoalescedEvents?.() ?? [];
  for (const each of events.length ? events : [event]) add(...place(each));
  changed();
}

function up(event) {
  if (event.isPrimary && !cursor) lift();
}

function key(event) {
  const steps = {
    ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP],
  };
  if (event.key in steps) {
    event.preventDefault();
    cursor ??= [canvas.width / 2, canvas.height / 2];
    cursor = cursor.map((v, i) => Math.min(Math.max(v + steps[event.key][i], 0), canvas.width));
    if (pen) {
      add(...cursor);
      changed();
    } else redraw();
  } else if (event.key === " ") {
    event.preventDefault();
    cursor ??= [canvas.width / 2, canvas.height / 2];
    if (pen) lift();
    else {
      set(...cursor);
      changed();
    }
  } else if (event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey))) {
    event.preventDefault();
    takeBack();
  }
}

function takeBack() {
  pen = null;
  strokes.pop();
  changed();
}

function wipe() {
  pen = null;
  strokes = [];
  began = null;
  recognized = false;
  changed();
}

function changed() {
  changes += 1;
  canvas.dataset.changes = changes;
  redraw();
  clearTimeout(waiting);
  const rest = pen ? asked + GAP - performance.now() : 0;
  if (rest > 0) waiting = setTimeout(guess, rest);
  else guess();
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
    context.strokeStyle = pen ? "#a92d1f" : "#1d5f8a";
    context.lineWidth = 2;
    context.beginPath();
    context.arc(cursor[0], cursor[1], 8, 0, 7);
    context.stroke();
  }
  undo.disabled = clear.disabled = keep.disabled = !strokes.length;
}

// One request at a time; the next one sends the newest drawing.
async function guess() {
  if (asking) return;
  asking = true;
  try {
    while (shown < changes) {
      const rest = pen ? asked + GAP - performance.now() : 0;
      if (rest > 0) {
        waiting = setTimeout(guess, rest);
        break;
      }
      const mine = changes;
      asked = performance.now();
      if (!strokes.length) {
        list.replaceChildren();
        paint(seen, 28, new Uint8Array(784));
        said.textContent = word ? `Draw: ${word}.` : "Draw, and the model says what it sees.";
        shown = mine;
        continue;
      }
      const answer = await (await send("/api/guess", { strokes })).json();
      shown = mine;
      showGuesses(answer);
    }
  } catch (error) { // already shown
    if (error.status === 503) waiting = setTimeout(guess, 1000);
  } finally {
    asking = false;
    canvas.dataset.shown = shown;
  }
}

function showGuesses(answer) {
  paint(seen, answer.side, bytes(answer.image));
  list.replaceChildren(...answer.guesses.map(({ name, probability }) => {
    const row = document.createElement("li");
    const share = document.createElement("span");
    const label = document.createElement("span");
    label.textContent = name;
    share.textContent = `${(100 * probability).toFixed(0)} %`;
    row.append(label, share);
    row.style.setProperty("background",
      `linear-gradient(90deg, color-mix(in srgb, var(--accent) 35%, var(--soft)) ${100 * probability}%, var(--soft) 0)`);
    if (name === word) row.className = "right";
    return row;
  }));
  if (recognized) return;
  const [first, ...others] = answer.guesses;
  if (word && first.name === word && first.probability >= SURE && ends) {
    recognized = true;
    const left = Math.ceil((ends - performance.now()) / 1000);
    finish(`Oh I know, it's ${word}! ${ROUND - left} seconds.`);
  } else {
    const see = [first, ...others].filter((g) => g.probability > 0.08).slice(0, 3);
    said.textContent = `I see ${(see.length ? see : [first]).map((g) => g.name).join(", or ")}.`;
  }
}

function startRound(words) {
  word = words[Math.floor(Math.random() * words.length)];
  wipe();
  prompt.textContent = `Draw: ${word}`;
  said.textContent = `Draw ${word} in ${ROUND} seconds.`;
  ends = performance.now() + ROUND * 1000;
  clearInterval(ticking);
  ticking = setInterval(tick, 200);
  tick();
  canvas.focus({ preventScroll: true });
}

function tick() {
  const left = Math.max(Math.ceil((ends - performance.now()) / 1000), 0);
  if (clock.textContent !== String(left)) clock.textContent = left;
  if (!left) finish(`Time's up! The word was ${word}.`);
}

function finish(text) {
  clearInterval(ticking);
  ends = null;
  said.textContent = text;
}

async function store(words) {
  let name = word;
  if (!name) name = list.querySelector("li span")?.textContent;
  if (!words.includes(name)) {
    say("No word to save it under: start a round.");
    return;
  }
  const { key_id: id } = await (await send("/api/keep", { word: name, recognized, strokes })).json();
  said.textContent = `Kept as ${name}, key_id ${id}.`;
}
