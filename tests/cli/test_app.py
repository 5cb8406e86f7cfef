"""Habits: help with examples everywhere, exit codes, completion, no colour when asked."""

import subprocess
import sys

import pytest
import typer

from quickdraw_kit.cli.app import app
from quickdraw_kit.cli.options import _complete_category, bounds, names, shares
from quickdraw_kit.errors import UsageError

COMMANDS = sorted(typer.main.get_command(app).commands)


def test_every_command_of_the_main_job_is_there():
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


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme_or_its_help_list(cli, command):
    assert command in cli("--help").out


def test_without_arguments_help_is_shown(cli):
    assert "prepare" in cli().out + cli().err


def test_the_version(cli):
    assert cli("--version").out.startswith("quickdraw-kit 0.")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("prepare",), 2, "Missing option"),
        (("nothing",), 2, "No such command"),
        (("prepare", "catt", "--out", "o"), 2, "did you mean cat"),
        (("verify", "nowhere"), 1, "manifest.json does not exist"),
        (("prepare", "x.ndjson", "--out", "o", "--strokes", "two"), 2, "expected a range"),
        (("prepare", "x.ndjson", "--out", "o", "--split", "train"), 2, "expected shares"),
        (("prepare", "x.ndjson", "--out", "o", "--form", "hdf5"), 2, "npy or parquet"),
    ],
)
def test_exit_codes_and_messages(cli, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    ran = cli(*arguments)
    assert ran.code == code
    assert message in " ".join(ran.err.replace("│", " ").split())
    assert "Traceback" not in ran.err
    assert not list(tmp_path.iterdir())


def test_completion_offers_categories_also_behind_a_comma():
    assert "hot air balloon" in _complete_category("hot")
    assert _complete_category("cat,hot a") == ["cat,hot air balloon"]


def test_no_color_is_heard():
    command = [sys.executable, "-m", "quickdraw_kit", "prepare", "--help"]
    environment = {"NO_COLOR": "1", "FORCE_COLOR": "", "PATH": ""}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "\x1b[" not in run.stdout.replace("\x1b[1m", "").replace("\x1b[0m", "").replace(
        "\x1b[2m", ""
    )


def test_a_reader_that_has_seen_enough_gets_no_complaint():
    command = f"{sys.executable} -m quickdraw_kit categories | head -1"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "0  aircraft carrier"
    assert run.stderr == ""


@pytest.mark.parametrize(
    ("text", "expected"), [(None, (0, None)), ("2:50", (2, 50)), (":5", (0, 5)), ("2:", (2, None))]
)
def test_bounds(text, expected):
    assert bounds(text, "strokes") == expected


@pytest.mark.parametrize("text", ["5", "a:b", "1:2:3"])
def test_bounds_that_are_none(text):
    with pytest.raises(UsageError, match="expected a range"):
        bounds(text, "strokes")


def test_lists_and_shares():
    assert names("cat,, dog ") == ("cat", "dog")
    with pytest.raises(UsageError, match="empty list"):
        names(" , ")
    assert shares("train=0.5, test=0.5") == {"train": 0.5, "test": 0.5}
    with pytest.raises(UsageError, match="expected shares"):
        shares("train:0.5")
