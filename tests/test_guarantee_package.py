"""What is released is complete: the packages, their metadata, the image and the workflow."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from quickdraw_kit import __version__
from quickdraw_kit.cli.app import app

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))


def run(*arguments, **options) -> str:
    """Run a program without what tests inherit; return what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.run(
        list(map(str, arguments)),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def build(source: Path, out: Path, *arguments: str) -> list[Path]:
    """Build packages with the build system of this environment."""
    run(sys.executable, "-m", "build", "--no-isolation", *arguments, "--outdir", out, source)
    return sorted(out.iterdir())


@pytest.mark.slow
def test_the_wheel_of_the_source_package_runs_the_demo(tmp_path):
    # without arguments, `build` makes the wheel of the unpacked source package, not of this folder
    wheel, _sdist = sorted(build(ROOT, tmp_path / "dist"), key=lambda path: path.suffix != ".whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "quickdraw_kit").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    recipes = [f"quickdraw_kit/pipelines/{path.name}" for path in (ROOT / "pipelines").iterdir()]
    info = f"quickdraw_kit-{__version__}.dist-info"
    assert set(package + recipes) <= names
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE"} <= names
    assert {name.partition("/")[0] for name in names} == {"quickdraw_kit", info}

    # an empty environment that borrows the dependencies; .pth files in there have no effect
    folder = tmp_path / "venv"
    venv.create(folder, symlinks=os.name != "nt")
    paths = {"base": str(folder), "platbase": str(folder)}
    site_packages = Path(sysconfig.get_path("purelib", "venv", paths))
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), "utf-8")
    scripts = Path(sysconfig.get_path("scripts", "venv", paths))
    pip = [sys.executable, "-m", "pip", "--python", scripts / "python"]
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel)

    command = scripts / "quickdraw-kit"
    work = tmp_path / "work"
    work.mkdir()
    imported = "import quickdraw_kit; print(quickdraw_kit.__file__)"
    assert Path(run(scripts / "python", "-c", imported, cwd=work)).is_relative_to(folder)
    assert run(command, "--version", cwd=work) == f"quickdraw-kit {__version__}\n"
    run(command, "demo", "--out", "demo", cwd=work)
    assert (work / "demo/index.html").stat().st_size > 10_000


@pytest.mark.slow
def test_the_image_is_built_from_all_that_the_package_needs(tmp_path):
    copied = re.findall(r"^COPY (?!--from)(.+) (\S+)$", DOCKERFILE, re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for sources, target in copied:
        for source in sources.split():
            assert f"!{source}" in ignored, f".dockerignore hides {source}"
            place = tmp_path / "context" / (source if target == "./" else target)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place)
            else:
                place.parent.mkdir(exist_ok=True)
                shutil.copy(ROOT / source, place)
    (wheel,) = build(tmp_path / "context", tmp_path / "dist", "--wheel")
    assert wheel.name == f"quickdraw_kit-{__version__}-py3-none-any.whl"


def test_the_image_calls_commands_and_extras_that_exist():
    commands = re.findall(r"quickdraw-kit ([a-z][\w-]+)", DOCKERFILE.partition("FROM")[2])
    assert commands
    assert set(commands) <= set(get_command(app).commands)
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', DOCKERFILE)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_the_version_is_declared_once():
    assert "version" in PROJECT["dynamic"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == __version__
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"^## \[?([\d.]+)", changes, re.MULTILINE)[0] == __version__


def test_the_pythons_that_are_promised_are_tested():
    promised = [
        line.rpartition(" ")[2]
        for line in PROJECT["classifiers"]
        if re.search(r"Python :: 3\.\d+$", line)
    ]
    assert WORKFLOW["jobs"]["test"]["strategy"]["matrix"]["python"] == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"


def test_every_target_that_the_workflow_makes_exists():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    steps = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
    called = [
        name for step in steps for name in re.findall(r"\bmake ([\w-]+)", step.get("run", ""))
    ]
    assert called
    assert set(called) <= set(targets)


def test_every_dependency_has_a_lower_bound_to_test():
    printed = run(sys.executable, ROOT / ".ci/lowest.py", "torch==2.13.0", cwd=ROOT).split()
    assert "torch==2.13.0" in printed
    assert len(printed) > len(PROJECT["dependencies"])
    assert all(re.fullmatch(r"[\w.-]+==[\d.]+", line) for line in printed)
