"""Claim: a guess is shown 50 ms after a stroke, and 200 players at once get theirs within 250 ms.

Result: 14 ms in the page (median); with 200 players at once 5 ms, with 500 players 187 ms at the
95th percentile (2026-11, before the redesign; two shared x86-64 cores, shared with the players;
Python 3.11, torch 2.13, Playwright 1.65 with Chromium; n = 60 strokes, and 10 s per number of
players).

A server on the loopback has quickdraw-cnn for 345 words. First a headless Chromium draws strokes
with the mouse, and the time from the end of each stroke to the guesses is measured in the page.
Then players draw without a break: each replays raw drawings in the time that they took, and asks
when the page would: at the end of each stroke and, while the pen moves, every 200 ms, but never
before the last response. Raw drawings of the data set ask 4.2 times per second, those of the
generator 4.7 times. The number of players grows until the 95th percentile of their responses is
over 250 ms. The players share the machine with the server; its load is printed too.

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
INTERVAL = 200  # ms between requests while the pen moves, as in draw.js
PAUSE = 500  # ms between two drawings of a player
WATCH = """() => {
  window.times = [];
  let end = null;
  document.querySelector('#canvas').addEventListener('pointerup', () => {
    end = performance.now();
  });
  new MutationObserver(() => {
    if (end !== null) window.last = performance.now() - end;
  }).observe(document.querySelector('#guesses'), { childList: true });
  window.record = () => { if (end !== null) window.times.push(window.last); end = null; };
}"""


def in_the_browser(url: str, strokes: int) -> list[float]:
    """Return the milliseconds from the end of each stroke to its guesses in the page."""
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
                " return d.shownVersion === d.version }"
            )
            page.evaluate("() => window.record()")
        times: list[float] = page.evaluate("() => window.times")
        browser.close()
    return times


def requests_of_drawings(host: str) -> list[list[tuple[float, bytes]]]:
    """Return what the page sends for each drawing: the time in milliseconds, and the request."""
    drawings = []
    for drawing in generate_drawings(["star", "house", "tree", "clock"], 12, raw=True):
        strokes = [stroke.astype(np.float64) for stroke in drawing.strokes]
        moments: list[float] = []
        for stroke in strokes:
            moments += [*np.arange(stroke[0, 2], stroke[-1, 2], INTERVAL).tolist(), stroke[-1, 2]]
        requests = []
        for moment in moments:
            parts = [stroke[stroke[:, 2] <= moment] for stroke in strokes]
            body = json.dumps(
                {"strokes": [part.T.round(1).tolist() for part in parts if len(part)]},
                separators=(",", ":"),
            ).encode()
            head = (
                f"POST /api/guess HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            requests.append((moment, head.encode() + body))
        drawings.append(requests)
    return drawings


async def players(url: str, number: int, seconds: float) -> tuple[list[float], int]:
    """Return the milliseconds of each response, and how many requests were refused."""
    host = urlsplit(url).netloc
    drawings = requests_of_drawings(host)
    name, _, port = host.partition(":")
    times: list[float] = []
    refused = 0
    end = time.perf_counter() + seconds

    async def play(player: int) -> None:
        nonlocal refused
        await asyncio.sleep(2 * player / number)
        reader, writer = await asyncio.open_connection(name, int(port))
        number_of_drawing = player
        while time.perf_counter() < end:
            drawing_start = time.perf_counter()
            requests = drawings[number_of_drawing % len(drawings)]
            number_of_drawing += 1
            for index, (moment, request) in enumerate(requests):
                now = 1000 * (time.perf_counter() - drawing_start)
                if index + 1 < len(requests) and requests[index + 1][0] <= now:
                    continue  # too late: the page would send the next request instead
                await asyncio.sleep(max(moment - now, 0) / 1000)
                start = time.perf_counter()
                if start > end:
                    break
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                times.append(1000 * (time.perf_counter() - start))
                refused += not head.startswith(b"HTTP/1.1 200")
            await asyncio.sleep(PAUSE / 1000)
        writer.close()

    await asyncio.gather(*(play(player) for player in range(number)))
    return times, refused


@contextlib.contextmanager
def running_server(model: Path):
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
    """Describe how busy the machine is."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def main() -> None:
    """Run the benchmark and print its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--players", type=int, nargs="+", default=[50, 200, 400, 500, 600])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--strokes", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.safetensors"
        save_model(Model.new("quickdraw-cnn", tuple(CATEGORIES)), model)
        with running_server(model) as (url, process):
            if arguments.strokes:
                page_times = np.array(in_the_browser(url, arguments.strokes))
                print(
                    f"stroke end to guess in the page: median {np.median(page_times):.0f} ms, "
                    f"95 % {np.percentile(page_times, 95):.0f} ms, of {len(page_times)} strokes "
                    f"({load()})"
                )
            print("players  responses/s  median  95 %  longest  refused  server: processor  memory")
            for number in arguments.players:
                process.cpu_percent()
                times, refused = uvloop.run(players(url, number, arguments.seconds))
                busy, memory = process.cpu_percent(), process.memory_info().rss / 1e6
                percentile_95 = np.percentile(times, 95)
                print(
                    f"{number:7} {len(times) / arguments.seconds:12.0f} {np.median(times):5.0f} ms"
                    f" {percentile_95:3.0f} ms {max(times):5.0f} ms {refused:8} {busy:17.0f} %"
                    f" {memory:4.0f} MB ({load()})",
                    flush=True,
                )
                if percentile_95 > 250:
                    break


if __name__ == "__main__":
    main()
