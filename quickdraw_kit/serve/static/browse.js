// The browse view: a virtual grid, and one drawing at a time.

import { ask, bytes, paint } from "./app.js";

const TILE = 58; // pixels of a cell of the grid
const SIDE = 56; // of the bitmap in it
const PAGE = 400; // bitmaps per request
const PAGES_KEPT = 40;
const AT_ONCE = 3; // requests
const LONGEST = 8_000_000; // pixels of scrolling; browsers have a limit

const form = document.querySelector("#filters");
const grid = document.querySelector("#grid");
const length = document.querySelector("#length");
const tiles = document.querySelector("#tiles");
const found = document.querySelector("#found");
const selected = document.querySelector("#selected");
const detail = document.querySelector("#detail");
const replay = document.querySelector("#replay");
const context = tiles.getContext("2d");

let total = 0;
let pages = new Map(); // number -> {rows, images}, least recently used first
let loading = new Map(); // number -> promise
let chosen = 0; // position in the grid
let generation = 0;
let drawing = 0; // the requested animation frame
let playing = 0;
let current = null;

export async function openBrowse(about) {
  if (!about.collections.length) {
    found.textContent = "Nothing to browse: start the server with shards or a folder of .ndjson files.";
    form.hidden = grid.hidden = true;
    return;
  }
  fill(form.collection, about.collections.map((c, i) => [i, `${c.name} (${c.drawings.toLocaleString("en")})`]));
  form.collection.addEventListener("change", openCollection);
  for (const name of ["category", "country", "recognized", "split", "flag"]) {
    form[name].addEventListener("change", filter);
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  grid.addEventListener("scroll", () => {
    drawing ||= requestAnimationFrame(() => { drawing = 0; draw(); });
  });
  addEventListener("back", () => (grid.dataset.ready ? draw() : openCollection()));
  grid.addEventListener("keydown", key);
  tiles.addEventListener("click", (event) => {
    const at = index(event);
    if (at < total) { chosen = at; draw(); openTile(at); }
  });
  new ResizeObserver(() => { measure(); draw(); }).observe(grid);
  document.querySelector("#close").addEventListener("click", () => detail.close());
  document.querySelector("#play").addEventListener("click", () => play(current));
  detail.addEventListener("close", () => { playing += 1; grid.focus({ preventScroll: true }); });
  await openCollection();
}

function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

async function openCollection() {
  const info = await (await ask(`/api/collections/${form.collection.value}`)).json();
  for (const name of ["category", "country", "recognized", "split"]) {
    const counts = Object.entries(info.facets[name] ?? {}).filter(([, count]) => count);
    fill(form[name], [["", "all"], ...counts.map(([value, count]) => [value, `${value || "none"} (${count.toLocaleString("en")})`])]);
    form[name].parentElement.hidden = counts.length === 0;
  }
  const flags = Object.entries(info.flags).filter(([, count]) => count);
  fill(form.flag, [["", "any"], ...flags.map(([name, count]) => [name, `${name} (${count})`])]);
  form.flag.parentElement.hidden = flags.length === 0;
  await filter();
}

function query(start, count) {
  const parts = new URLSearchParams({ start, count });
  for (const name of ["category", "country", "recognized", "split", "flag"]) {
    if (form[name].value) parts.set(name, form[name].value);
  }
  return `/api/collections/${form.collection.value}/tiles?${parts}`;
}

async function filter() {
  generation += 1;
  pages = new Map();
  loading = new Map();
  chosen = 0;
  grid.scrollTop = 0;
  await page(0);
  found.textContent = `${total.toLocaleString("en")} drawing${total === 1 ? "" : "s"}`;
  grid.dataset.ready = generation;
  draw();
}

// A page of bitmaps, or the promise of it.
function page(number) {
  if (pages.has(number)) return pages.get(number);
  if (!loading.has(number)) {
    const mine = loading;
    const promise = fetchPage(number).finally(() => mine.delete(number));
    loading.set(number, promise);
  }
  return loading.get(number);
}

async function fetchPage(number) {
  const mine = generation;
  const answer = await ask(query(number * PAGE, PAGE));
  const content = await answer.arrayBuffer();
  const side = Number(answer.headers.get("x-side"));
  const count = content.byteLength / (4 + side * side);
  const images = await bitmaps(new Uint8Array(content, 4 * count), side, count);
  if (mine !== generation) return null;
  total = Number(answer.headers.get("x-total"));
  const made = { rows: new Int32Array(content, 0, count), images };
  pages.set(number, made);
  if (pages.size > PAGES_KEPT) {
    const [oldest, { images: unused }] = pages.entries().next().value;
    pages.delete(oldest);
    unused?.close();
  }
  measure();
  draw();
  return made;
}

// Few requests at a time, and none for what has been scrolled past.
function fetchWanted(missing) {
  for (const number of missing) {
    if (loading.size >= AT_ONCE) return;
    if (!loading.has(number)) page(number).catch(() => {}); // already shown
  }
}

// All bitmaps of a page as one picture, one below the other.
function bitmaps(pixels, side, count) {
  if (!count) return null;
  const image = new ImageData(side, side * count);
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < words.length; i++) words[i] = 0xff000000 | (pixels[i] * 0x010101);
  return createImageBitmap(image);
}

function columns() {
  return Math.max(Math.floor(grid.clientWidth / TILE), 1);
}

function measure() {
  const lines = Math.ceil(total / columns());
  length.style.height = `${Math.max(Math.min(lines * TILE, LONGEST), grid.clientHeight)}px`;
  const ratio = devicePixelRatio || 1;
  const [width, height] = [grid.clientWidth, grid.clientHeight];
  if (tiles.width !== width * ratio || tiles.height !== height * ratio) {
    tiles.width = width * ratio;
    tiles.height = height * ratio;
    tiles.style.width = `${width}px`;
    tiles.style.height = `${height}px`;
  }
}

// Half of the width that is left, as a margin.
function margin() {
  return Math.max(Math.floor((grid.clientWidth - columns() * TILE) / 2), 0);
}

// The first visible line; scrolling is scaled beyond the height limit of browsers.
function top_() {
  const lines = Math.ceil(total / columns());
  const hidden = Math.max(lines * TILE - grid.clientHeight, 0);
  const scrolled = Math.max(length.clientHeight - grid.clientHeight, 1);
  return (hidden > scrolled ? (grid.scrollTop / scrolled) * hidden : grid.scrollTop) / TILE;
}

function draw() {
  const ratio = devicePixelRatio || 1;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, tiles.width, tiles.height);
  context.imageSmoothingEnabled = false;
  const wide = columns();
  const left = margin();
  const begin = top_();
  const first = Math.floor(begin);
  const last = Math.min(first + Math.ceil(grid.clientHeight / TILE) + 1, Math.ceil(total / wide));
  const missing = new Set();
  const used = new Set();
  for (let line = first; line < last; line++) {
    for (let column = 0; column < wide; column++) {
      const at = line * wide + column;
      if (at >= total) break;
      const [x, y] = [left + column * TILE + 1, (line - begin) * TILE + 1];
      const number = Math.floor(at / PAGE);
      const here = pages.get(number);
      (here ? used : missing).add(number);
      if (here) {
        const side = here.images.width;
        context.drawImage(here.images, 0, (at % PAGE) * side, side, side, x, y, SIDE, SIDE);
      }
      if (at === chosen) {
        context.lineWidth = 3;
        context.strokeStyle = "#e3a13b";
        context.strokeRect(x, y, SIDE, SIDE);
      }
    }
  }
  for (const number of used) {
    const here = pages.get(number);
    pages.delete(number);
    pages.set(number, here);
  }
  grid.dataset.missing = missing.size;
  fetchWanted(missing);
}

function index(event) {
  const line = Math.floor(event.offsetY / TILE + top_());
  const column = Math.floor((event.offsetX - margin()) / TILE);
  return line * columns() + Math.min(Math.max(column, 0), columns() - 1);
}

function key(event) {
  const wide = columns();
  const steps = {
    ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide,
    PageUp: -wide * Math.floor(grid.clientHeight / TILE),
    PageDown: wide * Math.floor(grid.clientHeight / TILE), Home: -total, End: total,
  };
  if (event.key in steps) {
    event.preventDefault();
    chosen = Math.min(Math.max(chosen + steps[event.key], 0), total - 1);
    reveal();
    draw();
    selected.textContent = `Drawing ${chosen + 1} of ${total.toLocaleString("en")}`;
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    openTile(chosen);
  }
}

function reveal() {
  const line = Math.floor(chosen / columns());
  const visible = Math.floor(grid.clientHeight / TILE) - 1;
  const begin = top_();
  let wanted = begin;
  if (line < begin) wanted = line;
  else if (line > begin + visible) wanted = line - visible;
  else return;
  const hidden = Math.max(Math.ceil(total / columns()) * TILE - grid.clientHeight, 0);
  const scrolled = Math.max(length.clientHeight - grid.clientHeight, 1);
  grid.scrollTop = hidden > scrolled ? (wanted * TILE / hidden) * scrolled : wanted * TILE;
}

async function openTile(at) {
  const here = await page(Math.floor(at / PAGE));
  if (here) await openRow(here.rows[at % PAGE]);
}

async function openRow(row) {
  const path = `/api/collections/${form.collection.value}/drawings/${row}`;
  const details = await (await ask(path)).json();
  current = { ...details, row };
  document.querySelector("#detail-title").textContent = details.word;
  const facts = {
    "key_id": details.key_id, "country": details.country, "time": details.time && `${details.time.slice(0, 19).replace("T", " ")} UTC`,
    "recognized": details.recognized === null ? "unknown" : details.recognized ? "yes" : "no", "split": details.split,
    "strokes": details.strokes?.length, "points": details.strokes?.reduce((n, s) => n + s[0].length, 0),
    "flags": details.flags?.join(", "),
  };
  document.querySelector("#metadata").replaceChildren(...Object.entries(facts)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value]) => {
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      text.textContent = value;
      return [term, text];
    }));
  document.querySelector("#play").hidden = !details.strokes;
  const near = document.querySelector("#near");
  near.replaceChildren();
  if (!detail.open) detail.showModal();
  play(current);
  const answer = await (await ask(`${path}/near`)).json();
  if (current.row !== row) return;
  near.replaceChildren(...answer.near.map((each) => {
    const [item, button, canvas] = ["li", "button", "canvas"].map((n) => document.createElement(n));
    button.type = "button";
    button.setAttribute("aria-label", `Neighbor, difference ${each.difference}`);
    canvas.setAttribute("aria-hidden", "true");
    button.append(canvas);
    button.addEventListener("click", () => openRow(each.row));
    paint(canvas, answer.side, bytes(each.image));
    item.append(button);
    return item;
  }));
}

// Replay the strokes with their times; without times at 300 units per second.
async function play(details) {
  playing += 1;
  const mine = playing;
  const pen = replay.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, replay.width, replay.height);
  if (!details.strokes) {
    const answer = await ask(`/api/collections/${form.collection.value}/drawings/${details.row}/image`);
    const side = Number(answer.headers.get("x-side"));
    const small = document.createElement("canvas");
    paint(small, side, new Uint8Array(await answer.arrayBuffer()));
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, replay.width, replay.height);
    return;
  }
  const xs = details.strokes.flatMap((s) => s[0]);
  const ys = details.strokes.flatMap((s) => s[1]);
  const [left, top] = [xs.reduce((a, b) => Math.min(a, b)), ys.reduce((a, b) => Math.min(a, b))];
  const extent = Math.max(xs.reduce((a, b) => Math.max(a, b)) - left, ys.reduce((a, b) => Math.max(a, b)) - top, 1);
  const scale = (replay.width - 24) / extent;
  let clock = 0;
  const segments = details.strokes.flatMap(([x, y, t]) => x.map((_, i) => {
    if (t) clock = t[i];
    else if (i) clock += Math.hypot(x[i] - x[i - 1], y[i] - y[i - 1]) / 0.3;
    return { from: [x[Math.max(i - 1, 0)], y[Math.max(i - 1, 0)]], to: [x[i], y[i]], time: clock };
  }));
  const zero = segments[0].time;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const start = performance.now();
  let next = 0;
  pen.lineWidth = 4;
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = "#111";
  replay.dataset.played = "";
  const frame = (now) => {
    if (mine !== playing) return;
    while (next < segments.length && (still || segments[next].time - zero <= now - start)) {
      const { from, to } = segments[next];
      pen.beginPath();
      pen.moveTo((from[0] - left) * scale + 12, (from[1] - top) * scale + 12);
      pen.lineTo((to[0] - left) * scale + 12, (to[1] - top) * scale + 12);
      pen.stroke();
      next += 1;
    }
    if (next < segments.length) requestAnimationFrame(frame);
    else replay.dataset.played = "yes";
  };
  frame(performance.now());
}
