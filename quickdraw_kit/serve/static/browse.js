// The browse view: a virtual grid, and one drawing at a time.

import { decodeBase64, paint, request } from "./app.js";

const TILE = 58; // pixels of a cell of the grid
const SIDE = 56; // of the bitmap in it
const PAGE = 400; // bitmaps per request
const MAX_PAGES = 40; // in memory
const MAX_REQUESTS = 3; // at once
const MAX_HEIGHT = 8_000_000; // pixels of scrolling; browsers have a limit
const FILTERS = ["category", "country", "recognized", "split", "flag"];

const form = document.querySelector("#filters");
const grid = document.querySelector("#grid");
const spacer = document.querySelector("#spacer"); // as high as all rows: it makes the grid scroll
const tiles = document.querySelector("#tiles");
const countText = document.querySelector("#count");
const hint = document.querySelector("#hint");
const detail = document.querySelector("#detail");
const replay = document.querySelector("#replay");
const context = tiles.getContext("2d");

let total = 0;
let pages = new Map(); // number -> {rows, images}, least recently used first
let loading = new Map(); // number -> promise
let cursor = 0; // position of the selected tile
let generation = 0; // counts changes of the filters; older responses are dropped
let frameRequest = 0;
let replayNumber = 0; // counts replays; a new one stops the last one
let current = null; // the drawing in the dialog

export async function openBrowse(about) {
  if (!about.collections.length) {
    countText.textContent = "There is nothing to browse: start the server with shards or a folder of .ndjson files.";
    form.hidden = grid.hidden = true;
    return;
  }
  fill(form.collection, about.collections.map((c, i) => [i, `${c.name} (${c.drawings.toLocaleString("en")})`]));
  form.collection.addEventListener("change", openCollection);
  for (const name of FILTERS) form[name].addEventListener("change", applyFilters);
  form.addEventListener("submit", (event) => event.preventDefault());
  grid.addEventListener("scroll", () => {
    frameRequest ||= requestAnimationFrame(() => { frameRequest = 0; draw(); });
  });
  addEventListener("reconnected", () => (grid.dataset.ready ? draw() : openCollection()));
  grid.addEventListener("keydown", moveCursor);
  tiles.addEventListener("click", (event) => {
    const index = tileAt(event);
    if (index < total) { cursor = index; draw(); openTile(index); }
  });
  new ResizeObserver(() => { measure(); draw(); }).observe(grid);
  document.querySelector("#close").addEventListener("click", () => detail.close());
  document.querySelector("#play").addEventListener("click", () => play(current));
  detail.addEventListener("close", () => { replayNumber += 1; grid.focus({ preventScroll: true }); });
  await openCollection();
}

function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

async function openCollection() {
  const info = await (await request(`/api/collections/${form.collection.value}`)).json();
  for (const name of ["category", "country", "recognized", "split"]) {
    const counts = Object.entries(info.facets[name] ?? {}).filter(([, count]) => count);
    fill(form[name], [["", "all"], ...counts.map(([value, count]) => [value, `${value || "none"} (${count.toLocaleString("en")})`])]);
    form[name].parentElement.hidden = counts.length === 0;
  }
  const flags = Object.entries(info.flags).filter(([, count]) => count);
  fill(form.flag, [["", "any"], ...flags.map(([name, count]) => [name, `${name} (${count})`])]);
  form.flag.parentElement.hidden = flags.length === 0;
  await applyFilters();
}

function tilesPath(start, count) {
  const query = new URLSearchParams({ start, count });
  for (const name of FILTERS) {
    if (form[name].value) query.set(name, form[name].value);
  }
  return `/api/collections/${form.collection.value}/tiles?${query}`;
}

async function applyFilters() {
  generation += 1;
  pages = new Map();
  loading = new Map();
  cursor = 0;
  grid.scrollTop = 0;
  await getPage(0);
  countText.textContent = `${total.toLocaleString("en")} drawing${total === 1 ? "" : "s"}`;
  grid.dataset.ready = generation;
  draw();
}

// Return a page of bitmaps, or the promise of it.
function getPage(number) {
  if (pages.has(number)) return pages.get(number);
  if (!loading.has(number)) {
    const pending = loading; // applyFilters replaces the map while a request is under way
    const promise = fetchPage(number).finally(() => pending.delete(number));
    loading.set(number, promise);
  }
  return loading.get(number);
}

async function fetchPage(number) {
  const requested = generation;
  const response = await request(tilesPath(number * PAGE, PAGE));
  const content = await response.arrayBuffer();
  const side = Number(response.headers.get("x-side"));

  // row numbers as int32, then the pixels
  const count = content.byteLength / (4 + side * side);
  const images = await imageStrip(new Uint8Array(content, 4 * count), side, count);
  if (requested !== generation) return null;

  total = Number(response.headers.get("x-total"));
  const page = { rows: new Int32Array(content, 0, count), images };
  pages.set(number, page);
  if (pages.size > MAX_PAGES) {
    const [oldest, { images: unused }] = pages.entries().next().value;
    pages.delete(oldest);
    unused?.close(); // frees memory that the garbage collector does not see
  }
  measure();
  draw();
  return page;
}

// Fetch visible pages, a few at a time. Nothing is queued, so what was scrolled past is not fetched.
function fetchMissing(missing) {
  for (const number of missing) {
    if (loading.size >= MAX_REQUESTS) return;
    if (!loading.has(number)) getPage(number).catch(() => {}); // the error is already shown
  }
}

// All bitmaps of a page as one image, one below the other: one object for the browser, not 400.
function imageStrip(pixels, side, count) {
  if (!count) return null;
  const image = new ImageData(side, side * count);
  const rgba = new Uint32Array(image.data.buffer);
  for (let i = 0; i < rgba.length; i++) rgba[i] = 0xff000000 | (pixels[i] * 0x010101);
  return createImageBitmap(image);
}

function columnCount() {
  return Math.max(Math.floor(grid.clientWidth / TILE), 1);
}

// Fit the spacer to the number of rows, and the canvas to the visible part of the grid.
function measure() {
  const lines = Math.ceil(total / columnCount());
  spacer.style.height = `${Math.max(Math.min(lines * TILE, MAX_HEIGHT), grid.clientHeight)}px`;
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
  return Math.max(Math.floor((grid.clientWidth - columnCount() * TILE) / 2), 0);
}

// Pixels of the tiles per pixel of scrolling: 1, or more beyond the height limit of browsers.
function scrollScale() {
  const height = Math.ceil(total / columnCount()) * TILE;
  const hidden = Math.max(height - grid.clientHeight, 0);
  return Math.max(hidden / Math.max(spacer.clientHeight - grid.clientHeight, 1), 1);
}

// The first visible line, with a fraction.
function firstLine() {
  return (grid.scrollTop * scrollScale()) / TILE;
}

function draw() {
  const ratio = devicePixelRatio || 1;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, tiles.width, tiles.height);
  context.imageSmoothingEnabled = false;
  const columns = columnCount();
  const left = margin();
  const top = firstLine();
  const first = Math.floor(top);
  const last = Math.min(first + Math.ceil(grid.clientHeight / TILE) + 1, Math.ceil(total / columns));
  const missing = new Set();
  const used = new Set();

  for (let line = first; line < last; line++) {
    for (let column = 0; column < columns; column++) {
      const index = line * columns + column;
      if (index >= total) break;
      const [x, y] = [left + column * TILE + 1, (line - top) * TILE + 1];
      const number = Math.floor(index / PAGE);
      const page = pages.get(number);
      (page ? used : missing).add(number);
      if (page) {
        const side = page.images.width;
        context.drawImage(page.images, 0, (index % PAGE) * side, side, side, x, y, SIDE, SIDE);
      }
      if (index === cursor) {
        context.lineWidth = 3;
        context.strokeStyle = "#e3a13b";
        context.strokeRect(x, y, SIDE, SIDE);
      }
    }
  }

  // a map is in order of insertion: what is visible becomes the most recently used
  for (const number of used) {
    const page = pages.get(number);
    pages.delete(number);
    pages.set(number, page);
  }
  grid.dataset.missing = missing.size;
  fetchMissing(missing);
}

function tileAt(event) {
  const line = Math.floor(event.offsetY / TILE + firstLine());
  const column = Math.floor((event.offsetX - margin()) / TILE);
  return line * columnCount() + Math.min(Math.max(column, 0), columnCount() - 1);
}

function moveCursor(event) {
  const columns = columnCount();
  const screen = columns * Math.floor(grid.clientHeight / TILE);
  const steps = {
    ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns,
    PageUp: -screen, PageDown: screen, Home: -total, End: total,
  };
  if (event.key in steps) {
    event.preventDefault();
    cursor = Math.min(Math.max(cursor + steps[event.key], 0), total - 1);
    scrollToCursor();
    draw();
    hint.textContent = `Drawing ${cursor + 1} of ${total.toLocaleString("en")}`;
  } else if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    openTile(cursor);
  }
}

function scrollToCursor() {
  const line = Math.floor(cursor / columnCount());
  const visible = Math.floor(grid.clientHeight / TILE) - 1;
  const top = Math.max(Math.min(firstLine(), line), line - visible);
  if (top !== firstLine()) grid.scrollTop = (top * TILE) / scrollScale();
}

async function openTile(index) {
  const page = await getPage(Math.floor(index / PAGE));
  if (page) await openDrawing(page.rows[index % PAGE]);
}

async function openDrawing(row) {
  const path = `/api/collections/${form.collection.value}/drawings/${row}`;
  const details = await (await request(path)).json();
  current = { ...details, row };
  document.querySelector("#detail-title").textContent = details.word;

  const metadata = {
    "key_id": details.key_id, "country": details.country, "time": details.time && `${details.time.slice(0, 19).replace("T", " ")} UTC`,
    "recognized": details.recognized === null ? "unknown" : details.recognized ? "yes" : "no", "split": details.split,
    "strokes": details.strokes?.length, "points": details.strokes?.reduce((n, s) => n + s[0].length, 0),
    "flags": details.flags?.join(", "),
  };
  document.querySelector("#metadata").replaceChildren(...Object.entries(metadata)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value]) => {
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      text.textContent = value;
      return [term, text];
    }));
  document.querySelector("#play").hidden = !details.strokes;

  // the dialog opens at once; the search for neighbors takes longer in a large collection
  const list = document.querySelector("#neighbors");
  list.replaceChildren();
  if (!detail.open) detail.showModal();
  play(current);
  const { side, neighbors } = await (await request(`${path}/neighbors`)).json();
  if (current.row !== row) return; // another drawing was opened meanwhile
  list.replaceChildren(...neighbors.map((neighbor) => {
    const [item, button, canvas] = ["li", "button", "canvas"].map((n) => document.createElement(n));
    button.type = "button";
    button.setAttribute("aria-label", `Neighbor, difference ${neighbor.difference}`);
    canvas.setAttribute("aria-hidden", "true");
    button.append(canvas);
    button.addEventListener("click", () => openDrawing(neighbor.row));
    paint(canvas, side, decodeBase64(neighbor.image));
    item.append(button);
    return item;
  }));
}

// Replay the strokes with their times; without times, at 300 units per second.
async function play(details) {
  replayNumber += 1;
  const mine = replayNumber;
  const pen = replay.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, replay.width, replay.height);
  if (!details.strokes) {
    const response = await request(`/api/collections/${form.collection.value}/drawings/${details.row}/image`);
    const side = Number(response.headers.get("x-side"));
    const small = document.createElement("canvas");
    paint(small, side, new Uint8Array(await response.arrayBuffer()));
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, replay.width, replay.height);
    return;
  }

  // fit the drawing into the canvas; a reduction, because spreading many points into Math.min fails
  const xs = details.strokes.flatMap((s) => s[0]);
  const ys = details.strokes.flatMap((s) => s[1]);
  const [left, top] = [xs.reduce((a, b) => Math.min(a, b)), ys.reduce((a, b) => Math.min(a, b))];
  const extent = Math.max(xs.reduce((a, b) => Math.max(a, b)) - left, ys.reduce((a, b) => Math.max(a, b)) - top, 1);
  const scale = (replay.width - 24) / extent;

  let clock = 0; // ms
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
    if (mine !== replayNumber) return;
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
