"""All commands: help with examples, exit codes, completion, no color on request."""

import itertools
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from quickdraw_kit.cli.app import app
from quickdraw_kit.cli.options import (
    complete_categories,
    parse_fractions,
    parse_names,
    parse_range,
)
from quickdraw_kit.errors import UsageError
from tests.conftest import official_line, posix

COMMANDS = sorted(typer.main.get_command(app).commands)


def test_the_main_commands_exist():
    assert {
        "categories",
        "convert",
        "demo",
        "histogram",
        "inspect",
        "prepare",
        "run",
        "sample",
        "train",
        "verify",
    } <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(cli, command):
    ran = cli(command, "--help")
    assert ran.code == 0
    assert "Examples:" in ran.out
    assert f"quickdraw-kit {command}" in ran.out


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_complete_and_fills_its_lines(command, columns):
    environment = {"COLUMNS": str(columns), "NO_COLOR": "1"}
    text = CliRunner().invoke(app, [command, "--help"], env=environment).output
    assert "…" not in text
    before = text.split("Examples:")[0].splitlines()
    for line, following in itertools.pairwise(line.strip() for line in before):
        if line and following:
            assert len(line) + len(following.split()[0]) + 3 > columns, line
    if columns == 120:
        examples = text.split("Examples:")[1].split("╭")[0].splitlines()
        assert {line.split()[0] for line in examples if line.strip()} <= {
            "quickdraw-kit",
            "torchrun",
        }


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_listed(cli, command):
    assert command in cli("--help").out


def test_without_arguments_help_is_shown(cli):
    assert "prepare" in cli().out + cli().err


def test_the_list_of_commands_imports_none_of_them():
    script = (
        "import sys; from quickdraw_kit.cli import main; sys.argv = ['quickdraw-kit', '--help']\n"
        "try: main()\nexcept SystemExit: sys.stderr.write('\\n'.join(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = {name for name in ran.stderr.split() if name.startswith("quickdraw_kit.cli.")}
    assert modules == {"quickdraw_kit.cli.app", "quickdraw_kit.cli.progress"}
    assert "numpy" not in ran.stderr.split()


def test_every_command_has_a_summary(cli):
    for name, command in typer.main.get_command(app).commands.items():
        assert name in COMMANDS
        assert command.help, name


def test_the_version(cli):
    assert cli("--version").out.startswith("quickdraw-kit 0.")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("prepare",), 2, "Missing option"),
        (("nothing",), 2, "No such command"),
        (("prepare", "catt", "--out", "o"), 2, "did you mean cat"),
        (("verify", "nowhere"), 2, "nowhere does not exist: expected the folder"),
        (("histogram", "nowhere"), 2, "nowhere does not exist: expected the folder"),
        (("convert", "nowhere.ndjson", "x.svg"), 2, "nowhere.ndjson: there is no such file"),
        (("serve", "nowhere"), 2, "nowhere does not exist: expected shards"),
        (("serve", "--model", "nowhere"), 2, "nowhere: there is no such file or folder"),
        (("prepare", "x.ndjson", "--out", "o", "--strokes", "two"), 2, "expected a range"),
        (("prepare", "x.ndjson", "--out", "o", "--split", "train"), 2, "expected fractions"),
        (
            ("prepare", "x.ndjson", "--out", "o", "--format", "hdf5"),
            2,
            "expected one of npy, parquet",
        ),
    ],
)
def test_exit_codes_and_messages(cli, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    ran = cli(*arguments)
    assert ran.code == code
    assert message in " ".join(ran.err.replace("│", " ").split())
    assert "Traceback" not in ran.err
    assert not list(tmp_path.iterdir())


@posix
@pytest.mark.parametrize(
    ("arguments", "function", "is_resumable"),
    [
        (("train", "d", "-o", "m"), "learn.data.splits.open_splits", True),
        (("prepare", "d", "-o", "s"), "shards.prepare.pipeline.prepare", True),
        (("run", "recipe.toml", "-o", "r"), "recipe.load.load_recipe", True),
        (("download", "cat"), "acquire.download.download", True),
        (("evaluate", "m", "s"), "learn.export.open_model", False),
    ],
)
def test_an_interrupt_is_reported_in_one_line(cli, monkeypatch, arguments, function, is_resumable):
    def interrupt(*_, **__):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(f"quickdraw_kit.{function}", interrupt)
    ran = cli(*arguments)
    hint = ": run the same command to continue" if is_resumable else ""
    assert (ran.code, ran.err) == (130, f"quickdraw-kit: interrupted{hint}\n")


@posix
def test_an_interrupted_training_run_can_be_continued(tmp_path):
    numbers = np.random.default_rng(0)
    for name in ("cat", "dog"):
        np.save(tmp_path / f"{name}.npy", numbers.integers(0, 256, (500, 784), np.uint8))
    command = [sys.executable, "-m", "quickdraw_kit", "train", tmp_path, "-o", tmp_path / "model"]
    options = ["--network", "tiny-cnn", "--threads", "1", "--epochs", "1000"]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert "epoch   1" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "quickdraw-kit: interrupted: run the same command to continue\n"
    assert (tmp_path / "model" / "checkpoint.safetensors").exists()


def test_categories_complete_after_a_comma_too():
    assert "hot air balloon" in complete_categories("hot")
    assert complete_categories("cat,hot a") == ["cat,hot air balloon"]


def test_no_color():
    command = [sys.executable, "-m", "quickdraw_kit", "prepare", "--help"]
    environment = {"NO_COLOR": "1", "FORCE_COLOR": "", "PATH": ""}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "\x1b[" not in run.stdout.replace("\x1b[1m", "").replace("\x1b[0m", "").replace(
        "\x1b[2m", ""
    )


@posix
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_not_an_error(unbuffered):
    command = f"set -o pipefail; {sys.executable} -m quickdraw_kit categories | head -1"
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    run = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True, env=environment
    )
    assert run.stdout.strip() == "0  aircraft carrier"
    assert run.stderr == ""


def test_a_missing_path_is_named_as_it_was_given(cli, write_lines, tmp_path):
    source = write_lines("cat.ndjson", [official_line(1)])
    for folder, reason in (
        (tmp_path / "none", "there is no such"),
        (source, "a file is in the place of a folder"),
    ):
        ran = cli("convert", source, folder / "x.bin", "--allow-loss")
        assert ran.code == 2
        assert f"{folder / 'x.bin'}: {reason}" in ran.err


@pytest.mark.parametrize(
    ("text", "expected"), [("2:50", (2, 50)), (":5", (0, 5)), ("2:", (2, None))]
)
def test_ranges(text, expected):
    assert parse_range(text, "--strokes") == expected


@pytest.mark.parametrize("text", ["5", "a:b", "1:2:3"])
def test_invalid_ranges(text):
    with pytest.raises(UsageError, match=r"--strokes .*: expected a range"):
        parse_range(text, "--strokes")


def test_lists_and_fractions():
    assert parse_names("cat,, dog ", "-c") == ("cat", "dog")
    with pytest.raises(UsageError, match="-c is an empty list"):
        parse_names(" , ", "-c")
    fractions = parse_fractions("train=0.5, test=0.5", "--split")
    assert fractions == {"train": 0.5, "test": 0.5}
    with pytest.raises(UsageError, match="expected fractions"):
        parse_fractions("train:0.5", "--split")
