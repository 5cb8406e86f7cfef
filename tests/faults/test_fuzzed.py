"""A coverage-guided fuzzer finds no file that a reader neither reads nor refuses.

Where `mutate` damages files blindly, `fuzz` keeps what takes a new branch and continues from there.
It starts with the same valid files and the same seed each time; `make faults` takes forty times as
many steps.
"""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
RUNS = {
    "ndjson": 200, "bin": 750, "npy": 2500, "npz": 1500, "members": 1000, "idx": 2500, "csv": 1500,
    "svg": 1500, "safetensors": 1250, "toml": 1500, "sent": 2500, "simplify": 30,
}  # fmt: skip
MORE = 40 if os.environ.get("FAULTS") == "all" else 1
COMPILED = "ndjson", "bin", "csv", "simplify"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("atheris") is None, reason="atheris is not installed: it is for Linux on x86-64"
    ),
]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.faults.fuzz", *map(str, arguments)],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, errors="replace", timeout=30 + 60 * MORE, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("kind", RUNS)
def test_every_file_is_read_or_refused(tally, tmp_path, kind):
    ran = run(kind, tmp_path, "--runs", RUNS[kind] * MORE)
    steps = re.findall(r"^#(\d+)\s.* cov: (\d+)", ran.stderr, re.MULTILINE)
    assert steps, ran.stderr[-3000:]
    runs, branches = map(int, steps[-1])
    faults = sorted(tmp_path.glob("fault-*"))
    counts = tally(f"fuzzed {kind}")
    counts.add(f"read or refused, on {branches} branches", times=runs - len(faults[:1]))
    if faults:
        counts.add("BAD", lost=True)
        traceback = ran.stdout.partition("=== Uncaught")[2] or ran.stderr
        pytest.fail(f"{faults[0].name} is {faults[0].read_bytes()!r}\n{traceback[-3000:]}")
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert runs >= RUNS[kind] * MORE
    if kind in COMPILED:
        again = run(kind, tmp_path, "--again")
        assert again.returncode == 0, again.stderr[-3000:]
