"""A real server with a small model and something to browse, and a real browser."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from quickdraw_kit.learn.models.model import Model, save_model
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.synthetic.generator import write_sample

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def places(tmp_path_factory) -> Path:
    """A folder with drawings, shards (with strokes) and a model that knows their words."""
    import torch

    folder = tmp_path_factory.mktemp("serve")
    write_sample(folder / "drawings", drawings=540, raw=True)
    prepare(
        [folder / "drawings"],
        folder / "shards",
        options=PrepareOptions(keep_strokes=True),
        workers=1,
    )
    words = tuple(sorted(path.name.split(".")[0] for path in (folder / "drawings").iterdir()))
    torch.manual_seed(0)
    (folder / "runs" / "first").mkdir(parents=True)
    save_model(Model.new("tiny-cnn", words), folder / "runs" / "first" / "model.safetensors")
    (folder / "runs" / "first" / "metrics.jsonl").write_text(
        '{"epoch": 1, "train_loss": 2.5, "train_accuracy": 0.4, "validation_loss": NaN, '
        '"validation_accuracy": 0.5}\n'
        '{"epoch": 2, "train_loss": 0.5, "train_accuracy": 0.9, "validation_loss": 0.75, '
        '"validation_accuracy": 0.8}\n'
    )
    (folder / "runs" / "first" / "report.html").write_text("<title>r</title><p>The report</p>")
    return folder


class Server:
    """A process that serves, as the command line starts it."""

    def __init__(self, *arguments: object, port: int = 0) -> None:
        command = [sys.executable, "-m", "quickdraw_kit", "serve", "--port", port, *arguments]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, text=True, env=environment
        )
        self.url = self._process.stdout.readline().split()[0]
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"{self.url}api/about", timeout=5).close()
                return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError(self.url)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._process.stdout.close()


@pytest.fixture(scope="session")
def server(places):
    rows = Server(
        places / "drawings", places / "shards", "--model", places / "runs" / "first",
        "--runs", places / "runs", "--keep", places / "kept",
    )  # fmt: skip
    yield rows
    rows.stop()


@pytest.fixture(scope="module")  # while it is open its event loop runs in this thread
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        rows = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield rows
        rows.close()


@pytest.fixture
def page(browser):
    rows = browser.new_page(viewport={"width": 1100, "height": 860})
    rows.set_default_timeout(20_000)
    problems: list[str] = []
    rows.on("pageerror", lambda error: problems.append(str(error)))
    yield rows
    rows.close()
    assert not problems
