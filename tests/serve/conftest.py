"""A real server with a small model and collections, and a real browser."""

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
def served(tmp_path_factory) -> Path:
    """A folder with drawings, shards (with strokes), and a training run with a report."""
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
    """The command ``serve`` in another process."""

    def __init__(self, *arguments: object, port: int = 0) -> None:
        command = [sys.executable, "-m", "quickdraw_kit", "serve", "--port", port, *arguments]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, text=True, env=environment
        )
        self.url = self._process.stdout.readline().split()[0]
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
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
def server(served):
    server = Server(
        served / "drawings", served / "shards", "--model", served / "runs" / "first",
        "--runs", served / "runs", "--keep", served / "kept",
    )  # fmt: skip
    yield server
    server.stop()


@pytest.fixture(scope="module")  # its event loop runs in this thread while it is open
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1100, "height": 860})
    page.set_default_timeout(20_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert not errors
