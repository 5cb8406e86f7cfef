"""`warm-up`: nothing is left to compile after it, and no command is silent while it compiles."""

import importlib.util
import os
import pkgutil
import re
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

import quickdraw_kit
from quickdraw_kit import generate_drawings, write_ndjson

WORK = """
import sys
from pathlib import Path
from quickdraw_kit import prepare, simplify
from quickdraw_kit.synthetic.generator import generate_drawings
from quickdraw_kit.formats.ndjson.files import read_ndjson, write_ndjson
from quickdraw_kit.shards.options import PrepareOptions

folder = Path(sys.argv[1])
options = PrepareOptions(keep_strokes=True)
for raw in (False, True):
    write_ndjson(generate_drawings(["moon"], 30, raw=raw), folder / "moon.ndjson")
    prepare([folder / "moon.ndjson"], folder / f"shards-{raw}", workers=1, options=options)
simplify(read_ndjson(folder / "moon.ndjson"))
"""


def test_it_says_when_there_is_nothing_to_do(cli):
    cli("warm-up", "--quiet")
    ran = cli("warm-up")
    assert (ran.code, ran.out, ran.err) == (0, "the kernels are compiled already\n", "")


def test_it_knows_all_modules_with_kernels_that_python_calls():
    """Those that declare examples, and no others."""
    from quickdraw_kit.cli.warm_up import kernel_modules

    declared = set()
    for module in pkgutil.walk_packages(quickdraw_kit.__path__, "quickdraw_kit."):
        source = importlib.util.find_spec(module.name).origin
        if "@kernel(examples=" in Path(source).read_text("utf-8"):
            declared.add(module.name)
    assert set(kernel_modules()) == declared


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_command_that_compiles_is_never_silent(tmp_path):
    """From its first line on, on a terminal: `prepare`, with nothing in the cache."""
    import pty

    write_ndjson(generate_drawings(["moon"], 30), tmp_path / "moon.ndjson")
    parent, child = pty.openpty()
    command = ["prepare", str(tmp_path / "moon.ndjson"), "--out", str(tmp_path / "shards")]
    process = subprocess.Popen(
        [sys.executable, "-m", "quickdraw_kit", *command],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "TERM": "xterm"},
        stdin=child,
        stdout=child,
        stderr=child,
    )
    os.close(child)

    text, times = b"", []
    while True:
        try:
            received = os.read(parent, 65536)
        except OSError:  # which is how Linux reports that the other end is closed
            break
        if not received:
            break
        text += received
        if b"compiling" in text:
            times.append(time.monotonic())
    os.close(parent)
    assert process.wait() == 0
    assert re.search(rb"compiling kernels, once after installation: about \d+ s", text)
    assert re.search(rb"[1-9]\d* of \d+ kernels", text)

    # of a busy machine, each process has a share
    patience = 2 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert max(b - a for a, b in pairwise(times)) < patience


@pytest.mark.slow
def test_nothing_is_compiled_after_it(tmp_path):
    cache = tmp_path / "cache"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}

    def run(*arguments):
        subprocess.run([sys.executable, *arguments], env=environment, check=True, timeout=300)
        return sorted(path.name for path in cache.rglob("*.nbc"))

    cached = run("-m", "quickdraw_kit", "warm-up", "--quiet")
    assert cached
    assert run("-c", WORK, str(tmp_path)) == cached
