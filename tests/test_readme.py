"""The README is never ahead of the code: its commands run as printed and print what it shows."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
# what training prints depends on the processor's arithmetic, and how long it takes on the hour
ROUGH = re.compile(r" *\d[\d,]*(\.\d+)?%?( s)?( \w+)?")


def commands() -> list[tuple[str, list[str]]]:
    """Each command of the README with the lines that it shows below it."""
    parsed: list[tuple[str, list[str]]] = []
    inside = False
    for line in README.splitlines():
        if line.startswith("    $ quickdraw-kit "):
            parsed.append((line.removeprefix("    $ "), []))
            inside = True
        elif inside and line.startswith("    "):
            parsed[-1][1].append(line[4:])
        else:
            inside = False
    return parsed


def test_there_is_a_command_for_everything_a_user_wants():
    names = {command.split()[1] for command, _ in commands()}
    assert {"download", "sample", "prepare", "train", "evaluate", "run"} <= names


@pytest.mark.slow
def test_commands_run_as_printed_and_print_what_is_shown(tmp_path):
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines")
    for command, shown in commands():
        arguments = command.split()[1:]
        if arguments[0] == "download":
            continue  # the bucket is not here; tests/acquire has a server that answers like it
        run = subprocess.run(
            [sys.executable, "-m", "quickdraw_kit", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, (command, run.stderr)
        printed = run.stdout.rstrip("\n").splitlines()
        if shown and shown[-1] == "...":
            shown = shown[:-1]
            printed = printed[: len(shown)]
        if arguments[0] in ("train", "evaluate", "run", "predict", "export"):
            printed, shown = ([ROUGH.sub("#", line) for line in part] for part in (printed, shown))
        assert printed == shown, command


@pytest.mark.slow
def test_the_ten_lines_of_the_api_run(tmp_path, monkeypatch):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    from quickdraw_kit.synthetic.generator import write_sample

    write_sample(tmp_path / "drawings", drawings=540)
    script = "if __name__ == '__main__':\n" + "".join(
        f"    {line}\n" for line in code[1].splitlines()
    )
    (tmp_path / "ten.py").write_text(script)
    subprocess.run([sys.executable, "ten.py"], cwd=tmp_path, check=True)


def test_every_path_of_the_tree_exists():
    tree = README.split("## The code")[1].split("Packages import")[0]
    for line in tree.splitlines():
        if match := re.match(r"    (\S+)/ ", line):
            assert (ROOT / match[1]).is_dir(), match[1]
        elif match := re.match(r"      (\S+)/ ", line):
            assert (ROOT / "quickdraw_kit" / match[1]).is_dir(), match[1]


def test_every_link_and_picture_is_there():
    for place in re.findall(r"\]\(([^)#]+)\)", README):
        if not place.startswith("http"):
            assert (ROOT / place).exists(), place
