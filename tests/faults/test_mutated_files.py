"""Ten thousand damaged files of every format: they are read or refused, and nothing crashes.

Each reader is fed valid files in which bytes are flipped, cut, repeated, inserted or replaced by
numbers that declare large sizes. A separate process reads them, with bounded memory; it may return
or raise a `QuickdrawError`. Of ndjson, every line must be accounted for: read or rejected.
`make faults` reads all ten thousand; the whole suite a fifth of them.
"""

import json
import os

import pytest

FILES = {
    "ndjson": 4000, "bin": 1500, "npy": 800, "npz": 800, "idx": 700, "parquet": 700,
    "safetensors": 700, "toml": 800,
}  # fmt: skip
if os.environ.get("FAULTS") != "all":
    FILES = {kind: number // 5 for kind, number in FILES.items()}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.slow)
        if kind in ("ndjson", "parquet", "safetensors")
        else kind
        for kind in FILES
    ],
)
def test_a_damaged_file_is_read_or_refused(tally, tmp_path, warm, kind):
    ran = warm.run("-m", "tests.faults.mutate", kind, FILES[kind], tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]
    summary = json.loads(ran.stdout.splitlines()[-1])
    counts = tally(f"damaged {kind}")
    for outcome, number in summary["outcomes"].items():
        for _ in range(number):
            counts.add(outcome, lost=outcome.startswith("BAD"))
    assert not summary["bad"], summary["bad"][:3]
    assert sum(summary["outcomes"].values()) == FILES[kind]
