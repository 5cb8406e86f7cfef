"""Claim: a guess is shown in under 50 ms after the stroke, and 200 players at once do not slow it.

One run: a server on the loopback with quickdraw-cnn for 345 words. First a headless Chromium draws
strokes with the mouse, and the time from the end of each stroke to the guesses in the page is
taken in the page. Then 200 sessions each send a growing drawing every 500 ms for some seconds, as
players do; the time of each answer, and the server's memory before and after.

    python benchmarks/serve.py [--sessions 200] [--seconds 15]
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import numpy as np
import psutil

from quickdraw_kit.categories import CATEGORIES
from quickdraw_kit.learn.model import Model, save_model
from quickdraw_kit.strokes.generate import generate_drawings

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
EVERY = 0.5  # seconds between the drawings that a player sends
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


async def sessions(url: str, number: int, seconds: float) -> list[float]:
    """Milliseconds of each answer, of players who send a growing drawing."""
    drawings = generate_drawings(["star", "house", "tree", "clock"], 8)
    bodies = []
    for drawing in drawings:
        strokes = [stroke.T.tolist() for stroke in drawing.strokes]
        bodies.append([{"strokes": strokes[: n + 1]} for n in range(len(strokes))])
    taken: list[float] = []
    until = time.perf_counter() + seconds

    async def play(client: httpx2.AsyncClient, player: int) -> None:
        await asyncio.sleep(EVERY * player / number)
        turn = 0
        while time.perf_counter() < until:
            mine = bodies[player % len(bodies)]
            start = time.perf_counter()
            answer = await client.post(f"{url}api/guess", json=mine[turn % len(mine)])
            answer.raise_for_status()
            taken.append(1000 * (time.perf_counter() - start))
            turn += 1
            await asyncio.sleep(max(EVERY - (time.perf_counter() - start), 0))

    limits = httpx2.Limits(max_connections=number, max_keepalive_connections=number)
    async with httpx2.AsyncClient(limits=limits, timeout=30) as client:
        await asyncio.gather(*(play(client, player) for player in range(number)))
    return taken


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


def main() -> None:
    """Run the benchmark and print its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--strokes", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.safetensors"
        save_model(Model.new("quickdraw-cnn", tuple(CATEGORIES)), model)
        with serving(model) as (url, process):
            asyncio.run(sessions(url, 4, 2))  # warm
            shown = np.array(in_the_browser(url, arguments.strokes))
            print(
                f"stroke end to guess in the page: median {np.median(shown):.0f} ms, "
                f"95 % {np.percentile(shown, 95):.0f} ms, of {len(shown)} strokes"
            )
            before = process.memory_info().rss / 1e6
            taken = np.array(asyncio.run(sessions(url, arguments.sessions, arguments.seconds)))
            after = process.memory_info().rss / 1e6
            print(
                f"{arguments.sessions} sessions, {len(taken) / arguments.seconds:,.0f} answers/s: "
                f"median {np.median(taken):.0f} ms, 95 % {np.percentile(taken, 95):.0f} ms, "
                f"longest {taken.max():.0f} ms"
            )
            print(f"memory of the server: {before:.0f} MB before, {after:.0f} MB after")


if __name__ == "__main__":
    main()
