"""Examples in docstrings run in an empty folder, so that they can be pasted as they are."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _empty_folder_for_doctests(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[None]:
    if not isinstance(request.node, pytest.DoctestItem):
        yield
        return
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("doctest"))
    yield
    os.chdir(before)
