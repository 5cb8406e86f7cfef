"""Kernels: what is compiled once stays on disk, and is stale when any file of its room changes."""

import os
import subprocess
import sys
from pathlib import Path

INNER = """from quickdraw_kit.kernels import kernel


@kernel
def inner(n: int) -> int:
    return n + {added}
"""
OUTER = """from inner import inner

from quickdraw_kit.kernels import kernel


@kernel
def outer(n: int) -> int:
    return inner(n) * 10
"""
CALL = "from outer import outer; print(outer(1), sum(outer.stats.cache_hits.values()) > 0)"


def run(room: Path) -> tuple[int, bool]:
    """Call `outer` in a new process; return what it says, and whether it came from disk."""
    answer = subprocess.run(
        [sys.executable, "-c", CALL],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(room), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=True,
    )
    value, cached = answer.stdout.split()
    return int(value), cached == "True"


def test_a_kernel_is_compiled_again_when_one_that_it_calls_has_changed(tmp_path):
    (tmp_path / "outer.py").write_text(OUTER)
    (tmp_path / "inner.py").write_text(INNER.format(added=1))
    assert run(tmp_path) == (20, False)
    assert run(tmp_path) == (20, True)
    (tmp_path / "inner.py").write_text(INNER.format(added=2))
    assert run(tmp_path) == (30, False)
    assert run(tmp_path) == (30, True)
