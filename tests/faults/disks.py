"""Small disks, the command line in a separate process, and the files that it wrote."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest


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


def run(command, *, temporary: Path, meanwhile=None):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(temporary)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    start = [sys.executable, "-m", "quickdraw_kit", *command]
    with subprocess.Popen(start, env=environment, **pipes) as process:
        if meanwhile is not None:
            meanwhile()
        out, err = process.communicate(timeout=200)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def content(folder: Path, suffixes) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in suffixes
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
