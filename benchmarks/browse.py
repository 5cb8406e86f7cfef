"""Claim: 100,000 drawings are browsed smoothly, from shards and from ndjson.

One run each: 100,000 generated drawings as a set of shards and as a folder of ndjson are served on
the loopback and browsed in a headless Chromium: seconds until the server answers, milliseconds
until the first grid is painted, then scrolling from the top to the bottom a screen at a time
(frames over 50 ms, the longest request, and how long the view waits for its last bitmap), a
filter, the neighbours of a drawing, and the memory of server and page.

    python benchmarks/browse.py [--drawings 100000] [--steps 150]
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import Page, sync_playwright

from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.synthetic.generator import write_sample

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
READY = "() => document.querySelector('#grid').dataset.ready"
SCROLL = """async (steps) => {
  const grid = document.querySelector('#grid');
  const next = () => new Promise((done) => requestAnimationFrame(done));
  const frames = [], waits = [];
  performance.clearResourceTimings();
  performance.setResourceTimingBufferSize(10000);
  for (let step = 1; step <= steps; step++) {
    const start = performance.now();
    grid.scrollTop = (grid.scrollHeight * step) / steps;
    let before = performance.now();
    await next(); // in which the view takes note of the scrolling
    do {
      const now = await next();
      frames.push(performance.now() - before);
      before = performance.now();
    } while (grid.dataset.missing !== '0' && before - start < 5000);
    waits.push(performance.now() - start);
  }
  const requests = performance.getEntriesByType('resource').map((entry) => entry.duration);
  return { frames, waits, requests };
}"""


@contextlib.contextmanager
def serving(place: Path):
    """Start the server as the command line does; gives its address, its process, the seconds."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "quickdraw_kit", "serve", "--port", "0", str(place)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        url = process.stdout.readline().split()[0]
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}api/about").close()
                break
        yield url, psutil.Process(process.pid), time.perf_counter() - start
    finally:
        process.terminate()
        process.wait()


def page_memory(browser_pid: int) -> float:
    """Megabytes of the processes that render pages."""
    children = psutil.Process(browser_pid).children(recursive=True)
    return (
        sum(
            child.memory_full_info().uss
            for child in children
            if any("--type=renderer" in part for part in child.cmdline())
        )
        / 1e6
    )


def timed(page: Page, action, until: str) -> float:
    """Milliseconds from an action to a condition."""
    start = time.perf_counter()
    action()
    page.wait_for_function(until)
    return 1000 * (time.perf_counter() - start)


def browse(place: Path, steps: int, browser) -> None:
    """Browse one collection, and print what it took."""
    with serving(place) as (url, process, opened):
        page = browser.new_page(viewport={"width": 1100, "height": 860})
        first = timed(page, lambda: page.goto(f"{url}#browse"), READY)
        told = page.evaluate(SCROLL, steps)
        memory = process.memory_info().rss / 1e6
        shown = page_memory(os.getpid())
        page.evaluate("() => delete document.querySelector('#grid').dataset.ready")
        filtered = timed(page, lambda: page.select_option("select[name=category]", index=3), READY)
        page.focus("#grid")
        near = timed(
            page, lambda: page.keyboard.press("Enter"), "() => document.querySelector('#near li')"
        )
        frames, waits = np.array(told["frames"]), np.array(told["waits"])
        print(
            f"{place.name}: {page.inner_text('#filters select[name=collection]')}\n"
            f"  server answers after {opened:.1f} s, first grid after {first:.0f} ms\n"
            f"  {steps} screens: view complete after {np.median(waits):.0f} ms (median), "
            f"{np.percentile(waits, 95):.0f} ms (95 %), {waits.max():.0f} ms (longest); "
            f"{(frames > 50).sum()} of {len(frames)} frames over 50 ms, "
            f"longest {frames.max():.0f} ms\n"
            f"  {len(told['requests'])} requests, longest {max(told['requests']):.0f} ms; "
            f"filter {filtered:.0f} ms, neighbours {near:.0f} ms\n"
            f"  memory: server {memory:.0f} MB, page {shown:.0f} MB "
            f"(load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)",
            flush=True,
        )
        page.close()


def main() -> None:
    """Run the benchmark and print its lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drawings", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--folder", type=Path, help="keep the drawings here, for the next run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        places = arguments.folder or Path(folder)
        if not (places / "ndjson").exists():
            write_sample(places / "ndjson", drawings=arguments.drawings)
        prepare(
            [places / "ndjson"],
            places / "shards",
            options=PrepareOptions(keep_strokes=True),
            workers=1,
        )
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            for name in ("shards", "ndjson"):
                browse(places / name, arguments.steps, browser)
            browser.close()


if __name__ == "__main__":
    main()
