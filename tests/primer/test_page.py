"""The page of the primer: its commands run in order and print what the page shows."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "primer.md").read_text("utf-8")


def commands():
    blocks = []
    for line in PAGE.splitlines():
        if line.startswith("    $ quickdraw-kit "):
            blocks.append((line.removeprefix("    $ quickdraw-kit ").split(), []))
        elif blocks and line.startswith("    "):
            blocks[-1][1].append(line[4:])
    return blocks


def test_every_figure_is_drawn_by_a_command_and_exists():
    drawn = {arguments[-1] for arguments, _ in commands() if "--out" in arguments}
    shown = re.findall(r"\(images/primer/(\w+\.png)\)", PAGE)
    assert shown
    assert set(shown) <= drawn
    assert all((ROOT / "docs" / "images" / "primer" / name).exists() for name in shown)


@pytest.mark.slow
def test_the_commands_run_in_order_and_print_what_is_shown(tmp_path, monkeypatch, cli):
    monkeypatch.chdir(tmp_path)
    for arguments, shown in commands():
        run = cli(*arguments)
        assert run.code == 0, (arguments, run.err)
        if shown:
            assert run.out.rstrip("\n").splitlines() == shown, arguments
    for name in re.findall(r"\(images/primer/(\w+\.png)\)", PAGE):
        assert (tmp_path / name).stat().st_size > 10_000


def test_the_python_code_of_the_page_gives_the_results_in_its_comments():
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    x = np.array(
        [[1, 2, 0, 1, 2], [0, 1, 3, 1, 0], [2, 2, 1, 0, 1], [1, 0, 2, 1, 3], [2, 1, 0, 1, 2]]
    )
    scope = {"x": x, "kernel": np.array([[1, 0, -1]] * 3)}
    for line in code.strip().splitlines():
        statement, _, comment = line.partition("  # ")
        if not comment:
            exec(statement, scope)
        elif " = " in statement:
            exec(statement, scope)
            assert str(scope[statement.split(" = ")[0]].tolist()) == comment
        else:
            assert str(eval(statement, scope).tolist()) == comment
