"""Take pictures of the page: python -m tests.serve.screenshots FOLDER [--all].

Without --all, the two pictures of the README; with it, every view in light, dark and on a phone.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from quickdraw_kit.learn.train import TrainConfig, train
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.synthetic.generator import generate_drawings, write_sample
from tests.serve.conftest import FLAGS, Server
from tests.warm import Warm

VIEWS = [
    ("", (1000, 740), "light"),
    ("-dark", (1000, 740), "dark"),
    ("-phone", (360, 740), "light"),
]


def take_screenshots(page, url: str, out: Path, suffix: str, *, everything: bool) -> None:
    """Draw a house, browse the sample, open a drawing, compare runs."""
    page.goto(url)
    page.wait_for_function("() => document.querySelector('#undo').disabled")
    box = page.locator("#canvas").bounding_box()
    scale = box["width"] / 512
    for stroke in generate_drawings(["house"], 1, seed=3, raw=False)[0].strokes:
        points = (stroke[:, :2] * 1.5 + 60) * scale
        for index, (x, y) in enumerate(points.tolist()):
            page.mouse.move(box["x"] + x, box["y"] + y)
            if index == 0:
                page.mouse.down()
        page.mouse.up()
    page.wait_for_timeout(1000)
    page.screenshot(path=out / f"serve-draw{suffix}.png")
    page.goto(f"{url}#browse")
    page.wait_for_function(
        # the grid has no missing tiles either before the first collection is open
        "() => { const { ready, missing } = document.querySelector('#grid').dataset;"
        " return ready && missing === '0'; }"
    )
    page.screenshot(path=out / f"serve-browse{suffix}.png")
    if not everything:
        return
    page.focus("#grid")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("#neighbors li")
    page.wait_for_timeout(500)
    page.screenshot(path=out / f"serve-drawing{suffix}.png")
    page.keyboard.press("Escape")
    page.goto(f"{url}#runs")
    page.wait_for_selector("#runs tbody tr")
    page.check("#runs input")
    page.screenshot(path=out / f"serve-runs{suffix}.png")


def main() -> None:
    """Train a small model, serve it, and take the pictures."""
    out, everything = Path(sys.argv[1]), "--all" in sys.argv
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Warm() as warm:
        root = Path(folder)
        write_sample(root / "drawings", drawings=2700)
        prepare([root / "drawings"], root / "shards")
        train(
            TrainConfig(
                data=root / "shards",
                out=root / "model",
                network="tiny-cnn",
                epochs=4,
                batch_size=64,
                threads=1,
            )
        )
        server = Server(
            warm, root / "shards", root / "drawings", "--model", root / "model",
            "--runs", root / "model",
        )  # fmt: skip
        with sync_playwright() as playwright:
            path = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            for suffix, size, scheme in VIEWS if everything else VIEWS[:1]:
                width, height = size
                page = browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                take_screenshots(page, server.url, out, suffix, everything=everything)
                page.close()
            browser.close()
        server.stop()


if __name__ == "__main__":
    main()
