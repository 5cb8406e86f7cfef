"""Take the pictures of the README: python -m tests.serve.screenshots FOLDER."""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from quickdraw_kit.learn.train import TrainConfig, train
from quickdraw_kit.shards.prepare import prepare
from quickdraw_kit.strokes.generate import generate_drawings, write_sample
from tests.serve.conftest import FLAGS, Server


def main() -> None:
    """Draw a star, and browse the sample."""
    out = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        places = Path(folder)
        write_sample(places / "drawings", drawings=2700)
        prepare([places / "drawings"], places / "shards")
        train(TrainConfig(data=places / "shards", out=places / "model", epochs=4, threads=1))
        server = Server(places / "drawings", places / "shards", "--model", places / "model")
        with sync_playwright() as playwright:
            path = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            page = browser.new_page(viewport={"width": 1000, "height": 740})
            page.goto(server.url)
            page.wait_for_function("() => document.querySelector('#undo').disabled")
            box = page.locator("#canvas").bounding_box()
            for stroke in generate_drawings(["house"], 1, seed=3, raw=False)[0].strokes:
                points = stroke[:, :2] * 1.5 + 60
                for place, (x, y) in enumerate(points.tolist()):
                    page.mouse.move(box["x"] + x, box["y"] + y)
                    if place == 0:
                        page.mouse.down()
                page.mouse.up()
            page.wait_for_timeout(1500)
            page.screenshot(path=out / "serve-draw.png")
            page.goto(f"{server.url}#browse")
            page.wait_for_function("() => document.querySelector('#grid').dataset.ready")
            page.wait_for_timeout(1500)
            page.screenshot(path=out / "serve-browse.png")
            browser.close()
        server.stop()


if __name__ == "__main__":
    main()
