"""Ten thousand damaged files of every kind: an answer or an error that says so, never a crash.

Each reader is fed valid files in which bytes are flipped, cut, repeated, inserted or replaced by
numbers that declare much. A process of its own reads them, with bounded memory; what it may do is
return or raise an error of ours. Of ndjson, every line must be accounted for: read or refused.
`make faults` reads all ten thousand; the whole suite a fifth of them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
KINDS = {
    "ndjson": 4000, "bin": 1500, "npy": 800, "npz": 800, "idx": 700, "parquet": 700,
    "safetensors": 700, "toml": 800,
}  # fmt: skip
if os.environ.get("FAULTS") != "all":
    KINDS = {kind: number // 5 for kind, number in KINDS.items()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_an_answer_or_an_error(tally, tmp_path, kind):
    ran = subprocess.run(
        [sys.executable, "-m", "tests.faults.mutate", kind, str(KINDS[kind]), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    told = json.loads(ran.stdout.splitlines()[-1])
    mine = tally(f"damaged {kind}")
    for outcome, number in told["outcomes"].items():
        for _ in range(number):
            mine.add(outcome, lost=outcome.startswith("BAD"))
    assert not told["bad"], told["bad"][:3]
    assert sum(told["outcomes"].values()) == KINDS[kind]
