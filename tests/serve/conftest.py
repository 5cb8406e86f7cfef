"""A real server with a small model and collections, and a real browser."""

import shutil
import signal
import time
import urllib.request
from pathlib import Path

import pytest

from quickdraw_kit.learn.models.model import Model, save_model
from quickdraw_kit.shards.options import PrepareOptions
from quickdraw_kit.shards.prepare.pipeline import prepare
from quickdraw_kit.synthetic.generator import write_sample
from tests.warm import Warm

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


# what the command imports
MODULES = "quickdraw_kit.cli.serve", "quickdraw_kit.serve.server", "quickdraw_kit.serve.collections"


@pytest.fixture(scope="session")
def served(once) -> Path:
    """A folder with drawings, shards (with strokes), and a training run with a report."""
    return once("served", make_served)


def make_served(folder: Path) -> Path:
    import torch

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

    def __init__(self, warm: Warm, *arguments: object, port: int = 0) -> None:
        self._command = warm.start("-m", "quickdraw_kit", "serve", "--port", port, *arguments)
        self.url = ""
        deadline = time.monotonic() + 60
        while not self._responds():
            assert self._command.poll() is None, self._command.stderr
            assert time.monotonic() < deadline, "the server does not respond"
            time.sleep(0.01)

    def _responds(self) -> bool:
        line, end, _ = self._command.stdout.partition("\n")
        if not end:
            return False
        self.url = line.split()[0]
        try:
            urllib.request.urlopen(f"{self.url}api/about", timeout=30).close()
        except OSError:  # the address is bound before connections are accepted
            return False
        return True

    def stop(self) -> None:
        if self._command.poll() is None:
            self._command.signal(signal.SIGTERM)
            self._command.wait(20)


@pytest.fixture(scope="session")
def server(served, warm):
    server = Server(
        warm.load(*MODULES), served / "drawings", served / "shards",
        "--model", served / "runs" / "first", "--runs", served / "runs", "--keep", served / "kept",
    )  # fmt: skip
    yield server
    server.stop()


@pytest.fixture
def serve(warm):
    """Return a function that starts a server of this test alone."""
    servers: list[Server] = []

    def start(*arguments: object, port: int = 0) -> Server:
        servers.append(Server(warm.load(*MODULES), *arguments, port=port))
        return servers[-1]

    yield start
    for server in servers:
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
