"""Small disks, the command line in a separate process, and the files that it wrote."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.warm import Command, Warm


@contextmanager
def mounted(folder: Path, options: str):
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        ran = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command: a small disk cannot be made")
    if ran.returncode:
        pytest.skip(f"a small disk cannot be made: {ran.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def run(warm: Warm, command, *, temporary: Path, meanwhile=lambda: None) -> Command:
    environment = {"TMPDIR": str(temporary)}
    arguments = ("-m", "quickdraw_kit", *command)
    return warm.run(*arguments, environment=environment, meanwhile=meanwhile)


def content(folder: Path, suffixes) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in suffixes
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
