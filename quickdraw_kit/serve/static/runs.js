// The runs view: a table of training runs; curves and reports of the selected ones.

import { request } from "./app.js";

const head = document.querySelector("#runs thead");
const body = document.querySelector("#runs tbody");
const empty = document.querySelector("#no-runs");
const compared = document.querySelector("#compared");

export async function openRuns() {
  const runs = await (await request("/api/runs")).json();
  empty.textContent = runs.length ? `${runs.length} run${runs.length === 1 ? "" : "s"}; select some to compare them.`
    : "There are no runs: start the server with --runs and the folder of your models.";
  head.replaceChildren(row("th", ["compare", "run", "epochs", "training loss", "training accuracy", "validation loss", "validation accuracy", "test accuracy"]));
  body.replaceChildren(...runs.map((run) => {
    const last = run.history.at(-1) ?? {};
    // from the result of a recipe, or from the evaluation that a report writes
    const test = run.metadata.result?.figures?.test_top1 ?? run.metadata.evaluation?.test?.top1;
    const line = row("td", ["", run.name, run.history.length, number(last.train_loss), percent(last.train_accuracy),
      number(last.validation_loss), percent(last.validation_accuracy), percent(test)]);
    const box = document.createElement("input");
    box.type = "checkbox";
    box.setAttribute("aria-label", `Compare ${run.name}`);
    box.addEventListener("change", () => compare(runs));
    line.firstChild.append(box);
    return line;
  }));
  compared.replaceChildren();
}

function row(tag, texts) {
  const line = document.createElement("tr");
  line.append(...texts.map((text) => {
    const cell = document.createElement(tag);
    cell.textContent = text ?? "";
    if (tag === "th") cell.scope = "col";
    return cell;
  }));
  return line;
}

const number = (value) => (typeof value === "number" ? value.toFixed(3) : "");
const percent = (value) => (typeof value === "number" ? `${(100 * value).toFixed(2)} %` : "");

function compare(runs) {
  const boxes = [...body.querySelectorAll("input")];
  compared.replaceChildren(...runs.filter((_, i) => boxes[i].checked).map((run) => {
    const section = document.createElement("section");
    const title = document.createElement("h3");
    title.textContent = run.name;
    section.append(title, curves(run, "loss"), curves(run, "accuracy"));
    if (run.report) {
      const link = document.createElement("a");
      link.href = run.report;
      link.textContent = "Report";
      const frame = document.createElement("iframe");
      frame.src = run.report;
      frame.title = `Report of ${run.name}`;
      frame.setAttribute("sandbox", ""); // a report runs no script
      section.append(link, frame);
    }
    return section;
  }));
}

// Curves of a metric by epoch as SVG; training is solid, validation dashed.
function curves(run, metric) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 400 190");
  svg.setAttribute("role", "img");
  const series = { training: `train_${metric}`, validation: `validation_${metric}` };
  const values = Object.values(series).flatMap((name) => run.history.map((h) => h[name])).filter(Number.isFinite);
  if (!values.length) return svg;

  const [low, high] = metric === "accuracy" ? [Math.min(...values), 1] : [0, Math.max(...values)];
  const x = (i) => 40 + (350 * i) / Math.max(run.history.length - 1, 1);
  const y = (v) => 165 - (140 * (v - low)) / Math.max(high - low, 1e-9);
  const addText = (x, y, content, anchor) => {
    const label = document.createElementNS(namespace, "text");
    for (const [name, value] of Object.entries({ x, y, "font-size": 11, fill: "currentColor", "text-anchor": anchor })) label.setAttribute(name, value);
    label.textContent = content;
    svg.append(label);
  };

  addText(8, 14, metric, "start");
  addText(36, y(high) + 4, high.toFixed(2), "end");
  addText(36, y(low) + 4, low.toFixed(2), "end");
  addText(40, 184, "epoch 1", "start");
  if (run.history.length > 1) addText(390, 184, run.history.length, "end");

  const legend = [];
  for (const [name, column] of Object.entries(series)) {
    const points = run.history.map((h, i) => [i, h[column]]).filter(([, v]) => Number.isFinite(v));
    if (!points.length) continue;
    const line = document.createElementNS(namespace, "polyline");
    line.setAttribute("points", points.map(([i, v]) => `${x(i)},${y(v)}`).join(" "));
    line.setAttribute("fill", "none");
    line.setAttribute("stroke", "currentColor");
    line.setAttribute("stroke-width", 2);
    if (name === "validation") line.setAttribute("stroke-dasharray", "6 4");
    svg.append(line);
    legend.push(`${name} ${points.at(-1)[1].toFixed(3)}${name === "validation" ? " (dashed)" : ""}`);
  }
  addText(390, 14, legend.join(", "), "end");
  svg.setAttribute("aria-label", `${metric} of ${run.name}: ${legend.join(", ")} at the end`);
  return svg;
}
