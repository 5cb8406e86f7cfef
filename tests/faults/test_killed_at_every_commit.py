"""SIGKILL at every commit of prepare, download, train and export: the next run has the same bytes.

The commits of a command are counted, and then a fresh run is killed at each, before it and after
it: the process that commits, which is the parent or a worker, and for training with two ranks also
the one that commits nothing. The same command then finishes the run, and its files are compared
with those of a run that was never killed, byte for byte. `make faults` takes every commit; in the
whole suite every eighth is enough.
"""

import json
import os
from pathlib import Path

import pytest

from quickdraw_kit.synthetic.generator import write_sample

ALL = os.environ.get("FAULTS") == "all"
EVERY = 1 if ALL else 8


@pytest.fixture
def kill(tally, tmp_path, warm):
    """Kill a command at every `step`-th commit; ``{out}`` in it is its output."""

    def run(kind: str, suffixes: str, *command: object, step: int = EVERY, ranks: int = 1) -> None:
        options = ("--step", str(step), "--suffixes", suffixes, "--ranks", str(ranks))
        ran = warm.start("-m", "tests.faults.killed", *options, tmp_path / kind, *command)
        ran.wait(timeout=1800)
        assert ran.returncode == 0, ran.stderr[-3000:]
        summary = json.loads(ran.stdout.splitlines()[-1])
        assert summary["files"]
        assert summary["killed"]
        counts = tally(f"SIGKILL, {kind}")
        for number in range(summary["killed"] + summary["unreached"]):
            lost = number < len(summary["bad"])
            counts.add("other bytes" if lost else "finished by the next run", lost=lost)
        assert not summary["bad"], (summary["bad"][:5], ran.stderr[-2000:])

    return run


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    write_sample(folder / "sample", drawings=60, categories=["circle", "line"])
    return folder / "sample"


@pytest.fixture(scope="module")
def shards(sample) -> Path:
    from quickdraw_kit.shards.prepare.pipeline import prepare

    prepare([sample], sample.parent / "shards", workers=1)
    return sample.parent / "shards"


@pytest.mark.slow
def test_prepare(kill, sample):
    command = ("prepare", sample, "--out", "{out}", "--rows-per-shard", 20)
    files = ".npy,.parquet,.csv,.json,.ndjson"
    kill("prepare", files, *command, "--workers", 1)


@pytest.mark.slow
def test_prepare_with_workers(kill, sample):
    command = ("prepare", sample, "--out", "{out}", "--rows-per-shard", 20)
    files = ".npy,.parquet,.csv,.json,.ndjson"
    kill("prepare, two workers", files, *command, "--workers", 2, step=1 if ALL else 24)


def test_download(kill, tmp_path):
    mirror = tmp_path / "mirror" / "full" / "simplified"
    mirror.mkdir(parents=True)
    for name in ("cat", "dog"):
        (mirror / f"{name}.ndjson").write_bytes(name.encode() * 50_000)
    command = ("download", "cat", "dog", "--data-home", "{out}", "--mirror", tmp_path / "mirror")
    kill("download", ".ndjson", *command, step=min(EVERY, 3))


@pytest.mark.slow
def test_train(kill, shards):
    settings = ("--network", "tiny-cnn", "--epochs", 2, "--threads", 1)
    kill("train", "model.safetensors", "train", shards, "--out", "{out}", *settings)


@pytest.mark.slow
def test_train_on_two_ranks(kill, shards):
    settings = ("--network", "tiny-cnn", "--epochs", 2, "--threads", 1)
    command = ("train", shards, "--out", "{out}", *settings)
    kill("train, two ranks", "model.safetensors", *command, ranks=2)


@pytest.mark.slow
def test_export(kill, tmp_path, warm):
    from quickdraw_kit.learn.models.model import Model, save_model

    save_model(Model.new("tiny-cnn", ("cat", "dog")), tmp_path / "model.safetensors")
    formats = "safetensors,onnx,pt2" if ALL else "safetensors"  # seconds for each of the others
    if ALL:
        warm.load("onnxruntime", "onnxscript")
    command = ("export", tmp_path / "model.safetensors", "--formats", formats)
    kill("export", ".safetensors,.onnx,.pt2,.json", *command, "--out", "{out}", step=1)
