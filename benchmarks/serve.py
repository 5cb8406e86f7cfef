"""Claim: a guess is shown in 50 ms after the stroke, and 200 players at once get theirs in 250.

One run: a server on the loopback with quickdraw-cnn for 345 words. First a headless Chromium draws
strokes with the mouse, and the time from the end of each stroke to the guesses in the page is
taken in the page. Then players draw without rest: each replays raw drawings in the time that they
took and asks when the page would, which is at the end of each stroke and, while the pen moves,
every 200 ms, but never before the last answer. Raw drawings of the data set ask 4.2 times a
second so, those of the generator 4.7 times. The number of players is raised until the 95th
percentile of their answers is beyond 250 ms. The players share the machine with the server; the
load of the machine is printed, too.

    python benchmarks/serve.py [--players 50 200 400 500 600] [--seconds 10]
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import numpy as np
import psutil
import uvloop

from quickdraw_kit.categories import CATEGORIES
from quickdraw_kit.learn.models.model import Model, save_model
from quickdraw_kit.synthetic.generator import generate_drawings

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
GAP = 200  # ms between questions while the pen moves, as in draw.js
PAUSE = 500  # ms between two drawings of a player
WATCH = """() => {
  window.taken = [];
  let end = null;
  document.querySelector('#canvas').addEventListener('pointerup', () => {
    end = performance.now();
  });
  new MutationObserver(() => {
    if (end !== null) window.last = performance.now() - end;
  }).observe(document.querySelector('#guesses'), { childList: true });
  window.take = () => { if (end !== null) window.taken.push(window.last); end = null; };
}"""


def in_the_browser(url: str, strokes: int) -> list[float]:
    """Milliseconds from the end of a stroke to its guesses in the page."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    rng = np.random.default_rng(0)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page()
        page.goto(url)
        page.wait_for_function("() => document.querySelector('#undo').disabled")
        page.evaluate(WATCH)
        box = page.locator("#canvas").bounding_box()
        for number in range(strokes):
            if number % 10 == 0 and number:
                page.click("#clear")
            points = rng.integers(20, 480, (8, 2)) + np.array([box["x"], box["y"]], np.int64)
            page.mouse.move(*points[0].tolist())
            page.mouse.down()
            for point in points[1:].tolist():
                page.mouse.move(*point)
            page.mouse.up()
            page.wait_for_function(
                "() => { const d = document.querySelector('#canvas').dataset;"
                " return d.shown === d.changes }"
            )
            page.evaluate("() => window.take()")
        taken = page.evaluate("() => window.taken")
        browser.close()
    return taken


def scripts(host: str) -> list[list[tuple[float, bytes]]]:
    """Write what the page sends for some drawings: milliseconds, and the whole request."""
    made = []
    for drawing in generate_drawings(["star", "house", "tree", "clock"], 12, raw=True):
        strokes = [stroke.astype(np.float64) for stroke in drawing.strokes]
        moments: list[float] = []
        for stroke in strokes:
            moments += [*np.arange(stroke[0, 2], stroke[-1, 2], GAP).tolist(), stroke[-1, 2]]
        script = []
        for moment in moments:
            drawn = [stroke[stroke[:, 2] <= moment] for stroke in strokes]
            body = json.dumps(
                {"strokes": [part.T.round(1).tolist() for part in drawn if len(part)]},
                separators=(",", ":"),
            ).encode()
            head = (
                f"POST /api/guess HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            script.append((moment, head.encode() + body))
        made.append(script)
    return made


async def players(url: str, number: int, seconds: float) -> tuple[list[float], int]:
    """Milliseconds of each answer, and how many were refused."""
    host = urlsplit(url).netloc
    prepared = scripts(host)
    name, _, port = host.partition(":")
    taken: list[float] = []
    refused = 0
    until = time.perf_counter() + seconds

    async def play(player: int) -> None:
        nonlocal refused
        await asyncio.sleep(2 * player / number)
        reader, writer = await asyncio.open_connection(name, int(port))
        turn = player
        while time.perf_counter() < until:
            began = time.perf_counter()
            script = prepared[turn % len(prepared)]
            turn += 1
            for place, (moment, request) in enumerate(script):
                now = 1000 * (time.perf_counter() - began)
                if place + 1 < len(script) and script[place + 1][0] <= now:
                    continue  # it is late: the next drawing is asked about instead
                await asyncio.sleep(max(moment - now, 0) / 1000)
                start = time.perf_counter()
                if start > until:
                    break
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                taken.append(1000 * (time.perf_counter() - start))
                refused += not head.startswith(b"HTTP/1.1 200")
            await asyncio.sleep(PAUSE / 1000)
        writer.close()

    await asyncio.gather(*(play(player) for player in range(number)))
    return taken, refused


@contextlib.contextmanager
def serving(model: Path):
    """Start the server as the command line does."""
    command = [sys.executable, "-m", "quickdraw_kit", "serve", "--port", "0", "--model", str(model)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    try:
        url = process.stdout.readline().split()[0]
        while True:
            with contextlib.suppress(httpx2.HTTPError):
                httpx2.get(f"{url}api/about").raise_for_status()
                break
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def load() -> str:
    """Say how busy the machine is."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def main() -> None:
    """Run the benchmark and print its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--players", type=int, nargs="+", default=[50, 200, 400, 500, 600])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--strokes", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.safetensors"
        save_model(Model.new("quickdraw-cnn", tuple(CATEGORIES)), model)
        with serving(model) as (url, process):
            if arguments.strokes:
                shown = np.array(in_the_browser(url, arguments.strokes))
                print(
                    f"stroke end to guess in the page: median {np.median(shown):.0f} ms, 95 % "
                    f"{np.percentile(shown, 95):.0f} ms, of {len(shown)} strokes ({load()})"
                )
            print("players  answers/s  median  95 %  longest  refused  server: processor  memory")
            for number in arguments.players:
                process.cpu_percent()
                taken, refused = uvloop.run(players(url, number, arguments.seconds))
                busy, memory = process.cpu_percent(), process.memory_info().rss / 1e6
                late = np.percentile(taken, 95)
                print(
                    f"{number:7} {len(taken) / arguments.seconds:10.0f} {np.median(taken):5.0f} ms"
                    f" {late:3.0f} ms {max(taken):5.0f} ms {refused:8} {busy:17.0f} %"
                    f" {memory:4.0f} MB ({load()})",
                    flush=True,
                )
                if late > 250:
                    break


if __name__ == "__main__":
    main()
