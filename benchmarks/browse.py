"""Claim: 100,000 drawings are browsed smoothly in the page, from shards and from ndjson.

Result: a view is complete after 33 ms (median), and no frame takes over 50 ms (2026-11, before the
redesign; two shared x86-64 cores; Python 3.11, numpy 2.4, Playwright 1.65 with Chromium;
n = 150 screens of each collection, one run).

100,000 generated drawings are served on the loopback as shards and as a folder of ndjson, and
browsed in a headless Chromium: seconds until the server responds, milliseconds until the first grid
is painted, then scrolling from top to bottom one screen at a time (frames over 50 ms, the longest
request, and how long the view waits for its last bitmap), a filter, the nearest drawings of a
drawing, and the memory of the server and of the page.

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
    await next(); // the view handles the scrolling in this frame
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
def running_server(collection: Path):
    """Start the server as the command line does; yield its URL, its process, and the seconds."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "quickdraw_kit", "serve", "--port", "0", str(collection)],
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
    """Return the megabytes of the processes that render pages."""
    children = psutil.Process(browser_pid).children(recursive=True)
    return (
        sum(
            child.memory_full_info().uss
            for child in children
            if any("--type=renderer" in part for part in child.cmdline())
        )
        / 1e6
    )


def milliseconds(page: Page, action, until: str) -> float:
    """Return the milliseconds from an action to a condition."""
    start = time.perf_counter()
    action()
    page.wait_for_function(until)
    return 1000 * (time.perf_counter() - start)


def browse(collection: Path, steps: int, browser) -> None:
    """Browse one collection and print the figures."""
    with running_server(collection) as (url, process, opened):
        page = browser.new_page(viewport={"width": 1100, "height": 860})
        first = milliseconds(page, lambda: page.goto(f"{url}#browse"), READY)
        scrolled = page.evaluate(SCROLL, steps)
        server_megabytes = process.memory_info().rss / 1e6
        page_megabytes = page_memory(os.getpid())
        page.evaluate("() => delete document.querySelector('#grid').dataset.ready")
        filtered = milliseconds(
            page, lambda: page.select_option("select[name=category]", index=3), READY
        )
        page.focus("#grid")
        near = milliseconds(
            page,
            lambda: page.keyboard.press("Enter"),
            "() => document.querySelector('#neighbors li')",
        )
        frames, waits = np.array(scrolled["frames"]), np.array(scrolled["waits"])
        print(
            f"{collection.name}: {page.inner_text('#filters select[name=collection]')}\n"
            f"  server responds after {opened:.1f} s, first grid after {first:.0f} ms\n"
            f"  {steps} screens: view complete after {np.median(waits):.0f} ms (median), "
            f"{np.percentile(waits, 95):.0f} ms (95 %), {waits.max():.0f} ms (longest); "
            f"{(frames > 50).sum()} of {len(frames)} frames over 50 ms, "
            f"longest {frames.max():.0f} ms\n"
            f"  {len(scrolled['requests'])} requests, longest {max(scrolled['requests']):.0f} ms; "
            f"filter {filtered:.0f} ms, nearest drawings {near:.0f} ms\n"
            f"  memory: server {server_megabytes:.0f} MB, page {page_megabytes:.0f} MB "
            f"(load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)",
            flush=True,
        )
        page.close()


def main() -> None:
    """Run the benchmark and print its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drawings", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument(
        "--folder", type=Path, help="keep the drawings in this folder for the next run"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        parent = arguments.folder or Path(folder)
        if not (parent / "ndjson").exists():
            write_sample(parent / "ndjson", drawings=arguments.drawings)
        prepare(
            [parent / "ndjson"],
            parent / "shards",
            options=PrepareOptions(keep_strokes=True),
            workers=1,
        )
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            for name in ("shards", "ndjson"):
                browse(parent / name, arguments.steps, browser)
            browser.close()


if __name__ == "__main__":
    main()
