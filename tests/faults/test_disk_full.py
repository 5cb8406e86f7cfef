"""A full disk at any point: a reason and exit code 1; with free space again, the same bytes.

The output is on a small tmpfs. A ballast file takes most of it, or after some time all of it, for
commands that check the free space first. `make faults` tries more points.
"""

import os
import random
import re
import shutil
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from quickdraw_kit.synthetic.generator import write_sample
from tests.faults.disks import content, mounted, run
from tests.warm import TRAIN

POINTS = 12 if os.environ.get("FAULTS") == "all" else 3
SIZE = 64 << 20


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    from quickdraw_kit.learn.models.model import Model, save_model
    from quickdraw_kit.shards.prepare.pipeline import prepare

    folder = tmp_path_factory.mktemp("full")
    write_sample(folder / "sample", drawings=300, categories=["circle", "line"])
    prepare([folder / "sample"], folder / "shards", workers=1)
    save_model(Model.new("tiny-cnn", ("cat", "dog")), folder / "model.safetensors")
    mirror = folder / "mirror" / "full" / "simplified"
    mirror.mkdir(parents=True)
    (mirror / "cat.ndjson").write_bytes(b"cat" * 50_000)
    return folder


COMMANDS = {
    "prepare": (
        ("prepare", "{in}/sample", "--out", "{out}", "--rows-per-shard", 50, "--workers", 1),
        (".npy", ".parquet", ".json", ".csv"),
    ),
    "convert": (
        ("convert", "{in}/sample/circle.ndjson", "{out}/circle.bin", "--allow-loss"),
        (".bin",),
    ),
    "download": (
        ("download", "cat", "--data-home", "{out}", "--mirror", "{in}/mirror"),
        (".ndjson",),
    ),
    "train": (
        ("train", "{in}/shards", "--out", "{out}", "--network", "tiny-cnn", "--epochs", 1,
         "--threads", 1),
        (".safetensors",),
    ),
    "export": (
        ("export", "{in}/model.safetensors", "--formats", "safetensors", "--out", "{out}"),
        (".safetensors", ".json"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [
        kind if kind in ("prepare", "download") else pytest.param(kind, marks=pytest.mark.slow)
        for kind in COMMANDS
    ],
)
def test_full_at_some_point(kind, inputs, tmp_path, tally, warm):
    if kind in ("train", "export"):
        warm.load(*TRAIN)
    template, suffixes = COMMANDS[kind]
    counts = tally(f"disk full, {kind}")

    def command(out: Path):
        return [
            str(part).replace("{in}", str(inputs)).replace("{out}", str(out)) for part in template
        ]

    with mounted(tmp_path / "disk", f"size={SIZE}") as disk:
        out = disk / "out"

        def free() -> int:
            state = os.statvfs(disk)
            return state.f_bavail * state.f_frsize

        out.mkdir()
        start = time.perf_counter()
        whole = run(warm, command(out), temporary=disk)
        seconds = time.perf_counter() - start
        assert whole.returncode == 0, whole.stderr
        expected = content(out, suffixes)
        assert expected
        needed = SIZE - free()
        shutil.rmtree(out)
        rng = random.Random(kind)
        ballast = disk / "ballast"

        def fill(spared: int = 0):
            with suppress(OSError):
                ballast.write_bytes(bytes(max(free() - spared, 0)))

        def late(wait: float):
            time.sleep(wait)
            fill()

        for point in range(POINTS):
            out.mkdir()
            if point % 2:
                wait = rng.uniform(0.5, 1) * seconds
                stopped = run(warm, command(out), temporary=disk, meanwhile=partial(late, wait))
            else:
                fill(rng.randrange(0, max(needed, 8192), 4096) if point else 0)
                stopped = run(warm, command(out), temporary=disk)
            ballast.unlink()
            if stopped.returncode:
                assert stopped.returncode == 1, stopped.stderr
                assert "Traceback" not in stopped.stderr
                assert re.search("[Nn]o space left| free, and ", stopped.stderr), stopped.stderr
                for name, data in content(out, suffixes).items():
                    assert data == expected[name], f"{name} is incomplete"
            again = run(warm, command(out), temporary=disk)
            same = again.returncode == 0 and content(out, suffixes) == expected
            outcome = (
                "stopped, finished with free space" if stopped.returncode else "had enough space"
            )
            counts.add(outcome if same else "other bytes", lost=not same)
            assert same, again.stderr
            shutil.rmtree(out)
        assert counts.injected == POINTS
