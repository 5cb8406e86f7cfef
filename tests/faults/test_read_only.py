"""An output that cannot be written: a reason and exit code 1, and nothing in it changes."""

import subprocess

import pytest

from quickdraw_kit.learn.models.model import Model, save_model
from quickdraw_kit.synthetic.generator import write_sample
from tests.faults.disks import mounted, run

COMMANDS = {
    "prepare": ("prepare", "{in}/sample", "--out", "{out}/shards", "--workers", "1"),
    "convert": ("convert", "{in}/sample/circle.ndjson", "{out}/circle.parquet"),
    "download": ("download", "cat", "--data-home", "{out}", "--mirror", "{in}"),
    "export": (
        "export",
        "{in}/model.safetensors",
        "--formats",
        "safetensors",
        "--out",
        "{out}/model",
    ),
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_read_only_disk(kind, tmp_path, tally, warm):
    write_sample(tmp_path / "sample", drawings=20, categories=["circle"])
    save_model(Model.new("tiny-cnn", ("cat", "dog")), tmp_path / "model.safetensors")
    (tmp_path / "full" / "simplified").mkdir(parents=True)
    (tmp_path / "full" / "simplified" / "cat.ndjson").write_bytes(b"cat")
    with mounted(tmp_path / "disk", "size=8m") as disk:
        (disk / "kept").write_text("as it was")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        command = [
            part.replace("{in}", str(tmp_path)).replace("{out}", str(disk))
            for part in COMMANDS[kind]
        ]
        ran = run(warm, command, temporary=tmp_path)
        assert ran.returncode == 1, ran.stderr
        assert "Traceback" not in ran.stderr
        assert "Read-only" in ran.stderr
        assert [path.name for path in disk.iterdir()] == ["kept"]
        tally("read-only output").add("refused with a reason")
