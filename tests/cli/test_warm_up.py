"""`warm-up`: nothing is left to compile after it."""

import os
import subprocess
import sys

import pytest

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
