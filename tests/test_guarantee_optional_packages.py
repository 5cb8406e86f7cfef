"""What reads, renders and stores strokes works without torch and matplotlib.

And without any other optional package; what does need one says which, and what pip installs.
"""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import quickdraw_kit
from quickdraw_kit.errors import OPTIONAL_PACKAGES, MissingPackageError, optional_packages

HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

HIDDEN = sys.argv.pop(1).split(",")
sys.meta_path.insert(0, Hidden())
"""
# public names that cannot even be imported without torch
TRAINING = {
    "Evaluation", "Model", "NETWORKS", "Prediction", "Splits", "TrainResult", "build_network",
    "evaluate", "export_model", "iter_predict", "open_model", "open_splits", "predict", "train",
}  # fmt: skip

FUNCTIONS = """
import quickdraw_kit as qk

batch = qk.generate_drawings(["sun", "star"], 4, raw=False)
assert qk.rasterize(batch).shape == (8, 28, 28)
assert len(qk.normalize(batch)) == len(batch.to_pandas()) == len(batch.to_arrow()) == 8
assert len(qk.simplify(qk.generate_drawings(["star"], 2))) == 2

path = qk.write_sample("drawings", drawings=54)[0]
read = qk.read_ndjson(path)
qk.write_binary(read, "a.bin")
qk.write_ndjson(read, "a.ndjson.gz")
qk.write_stroke3(read, "a.npz")
qk.write_bitmaps([read], "a.npy")
qk.write_svg(read, "a.svg")
qk.write_png(read, "a.png")
qk.write_gif(read, "a.gif")
for name in ("b.parquet", "b.arrow", "b.ndjson"):
    qk.convert(path, name)
for name in ("a.ndjson.gz", "b.parquet", "b.arrow", "b.ndjson"):
    assert sum(map(len, qk.iter_drawings(name))) == 2, name
assert len(qk.read_binary("a.bin")) == len(qk.read_bitmaps("a.npy")) == 2
qk.contact_sheet(batch, [0] * 8, ["drawing"], "sheet.png")

assert qk.inspect(["drawings"]).drawings == 54
assert qk.inspect_quality(["drawings"])
qk.prepare(["drawings"], "shards")
assert qk.verify("shards").drawings == 54
for images, labels in qk.open_shards("shards", split="train").batches(8, shuffle=True, seed=0):
    assert images.shape[1:] == (28, 28)

unresolved = set()
for name in qk.__all__:
    try:
        getattr(qk, name)
    except qk.MissingPackageError as error:
        assert error.package == "torch"
        unresolved.add(name)
sys.stdout.write(" ".join(sorted(unresolved)))
"""

# no optional package, and not ndjson, which is under the GPL
HIDDEN = ",".join([*OPTIONAL_PACKAGES, "ndjson"])
COMMANDS = [
    "categories",
    "sample drawings --drawings 54",
    "inspect drawings",
    "inspect drawings --quality",
    "inspect drawings --preview 1",
    "convert drawings/star.ndjson star.png --index 1",
    "convert drawings/star.ndjson star.parquet",
    "prepare drawings --out shards --quality",
    "prepare drawings --out parquet --format parquet",
    "histogram shards",
    "verify shards",
    "primer layers",
    "train --help",
    "predict --help",
    "serve --help",
]
REFUSED = {
    "train shards --out model": "torch is needed for training and prediction",
    "evaluate model shards": "torch is needed for training and prediction",
    "predict model star.png": "torch is needed for training and prediction",
    "export model": "torch is needed for training and prediction",
    "report model shards --out report.html": "torch is needed for training and prediction",
    "serve drawings": "is needed for",
    "histogram shards --out histogram.png": "matplotlib is needed for figures",
    "primer shapes": "matplotlib is needed for figures",
}
RUN = """
import shlex
from quickdraw_kit.cli import main

for command in sys.argv[1:]:
    sys.argv = ["quickdraw-kit", *shlex.split(command)]
    code = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code or 0
    sys.stderr.write(f"\\nexit {code}: {command}\\n")
"""


def run_hidden(packages: str, script: str, folder: Path, *arguments: str) -> tuple[str, str]:
    """Run a script to which the packages are not installed; return what it printed."""
    run = subprocess.run(
        [sys.executable, "-c", HIDE + script, packages, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout, run.stderr


def test_functions(tmp_path):
    out, _ = run_hidden(HIDDEN, FUNCTIONS, tmp_path)
    assert set(out.split()) == TRAINING


def test_commands(tmp_path):
    _, errors = run_hidden(HIDDEN, RUN, tmp_path, *COMMANDS, *REFUSED)
    for command in COMMANDS:
        assert f"exit 0: {command}\n" in errors
    for command, message in REFUSED.items():
        before, _ = errors.split(f"exit 2: {command}\n")
        last = before.strip().splitlines()[-1]
        assert message in last
        assert "Run: pip install" in last


@pytest.mark.parametrize("package", sorted(OPTIONAL_PACKAGES))
def test_a_missing_package_is_named_with_what_pip_installs(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with (
        pytest.raises(MissingPackageError, match=f"^{package} is needed") as caught,
        optional_packages(),
    ):
        __import__(package)
    extra = str(caught.value).rpartition("pip install ")[2]
    declared = importlib.metadata.metadata("quickdraw-kit").get_all("Provides-Extra")
    assert extra == package or extra.removeprefix('"quickdraw-kit[').removesuffix(']"') in declared


def test_other_missing_modules_stay_what_they_are():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), optional_packages():
        __import__("no_such_module")


def test_a_missing_package_is_an_import_error_too():
    with pytest.raises(ImportError):
        raise quickdraw_kit.MissingPackageError("torch")
