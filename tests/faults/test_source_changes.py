"""A source that changes, shrinks or disappears while it is read.

Either the run ends with the bytes of what the file was or has become, or it stops, says which file,
and with --overwrite the same command ends with the bytes of what the file has become.
"""

import os
import random
import time

import pytest

from quickdraw_kit.synthetic.generator import write_sample
from tests.faults.disks import content, run

POINTS = 8 if os.environ.get("FAULTS") == "all" else 2


def changed(lines: bytes) -> bytes:
    """Change the year in the last half, in as many bytes."""
    half = len(lines) // 2
    return lines[:half] + lines[half:].replace(b'"timestamp":"2017', b'"timestamp":"2016')


CHANGES = {
    "changes": changed,
    "shrinks at the end of a line": lambda lines: lines[: lines.index(b"\n", len(lines) // 3) + 1],
    "grows": lambda lines: (
        lines + lines[: lines.index(b"\n") + 1].replace(b'"key_id":"', b'"key_id":"1')
    ),
    "disappears": None,
}


@pytest.fixture(scope="module")
def lines(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("source")
    write_sample(folder, drawings=4_000, categories=["circle"])
    return (folder / "circle.ndjson").read_bytes()


@pytest.mark.parametrize(
    "kind",
    ["changes", *(pytest.param(k, marks=pytest.mark.slow) for k in CHANGES if k != "changes")],
)
def test_while_prepare_reads(kind, lines, tmp_path, tally, warm):
    change = CHANGES[kind]
    source = tmp_path / "circle.ndjson"
    suffixes = (".npy", ".parquet", ".json", ".csv")

    def command(name: str):
        return ["prepare", str(source), "--out", str(tmp_path / name), "--workers", "1"]

    def whole(name: str):
        assert run(warm, command(name), temporary=tmp_path).returncode == 0
        return content(tmp_path / name, suffixes)

    source.write_bytes(lines)
    before = whole("before")
    if change is not None:
        source.write_bytes(change(lines))
        after = whole("after")
        assert after != before
    rng = random.Random(kind)
    counts = tally(f"a source that {kind.split()[0]}")
    for point in range(POINTS):
        source.write_bytes(lines)
        out = tmp_path / f"out{point}"

        def meanwhile(out=out):
            while not (out / ".prepare").exists():
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.3))
            if change is None:
                source.unlink()
            else:
                source.write_bytes(change(lines))

        ran = run(warm, command(out.name), temporary=tmp_path, meanwhile=meanwhile)
        if ran.returncode == 0:
            result = content(out, suffixes)
            assert result == before or (change is not None and result == after)
            counts.add("read in time")
            continue
        assert ran.returncode == 1, ran.stderr
        assert "Traceback" not in ran.stderr
        assert source.name in ran.stderr
        assert not (out / "manifest.json").exists()
        if change is not None:
            again = run(warm, [*command(out.name), "--overwrite"], temporary=tmp_path)
            assert again.returncode == 0, again.stderr
            assert content(out, suffixes) == after
        counts.add("stopped with a reason")
