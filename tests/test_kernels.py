"""Compiled kernels stay on disk, where possible, until a file that they depend on changes."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import numpy as np
import pytest

from quickdraw_kit import kernels

INNER = """from quickdraw_kit.kernels import kernel


@kernel
def inner(n: int) -> int:
    return n + {added}
"""
OUTER = """from inner import inner

from quickdraw_kit.kernels import kernel


@kernel
def outer(n: int) -> int:
    return inner(n) * 10
"""
CALL = "from outer import outer; print(outer(1), sum(outer.stats.cache_hits.values()) > 0)"


def run(folder: Path, call: str = CALL) -> tuple[int, bool]:
    """Call `outer` in a new process; return its result, and whether it came from the cache."""
    process = subprocess.run(
        [sys.executable, "-c", call],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=True,
    )
    value, cached = process.stdout.split()
    return int(value), cached == "True"


def test_a_kernel_is_recompiled_when_one_that_it_calls_has_changed(tmp_path):
    (tmp_path / "outer.py").write_text(OUTER)
    (tmp_path / "inner.py").write_text(INNER.format(added=1))
    assert run(tmp_path) == (20, False)
    assert run(tmp_path) == (20, True)
    (tmp_path / "inner.py").write_text(INNER.format(added=2))
    assert run(tmp_path) == (30, False)
    assert run(tmp_path) == (30, True)


def test_a_new_installation_of_the_same_code_compiles_nothing(tmp_path):
    """numba up to 0.67 compares the times of files, which an installation changes."""
    (tmp_path / "outer.py").write_text(OUTER)
    (tmp_path / "inner.py").write_text(INNER.format(added=1))
    assert run(tmp_path) == (20, False)
    os.utime(tmp_path / "outer.py", (0, 0))
    assert run(tmp_path) == (20, True)


DECLARED = """import numpy as np

from quickdraw_kit.kernels import kernel


@kernel
def {name}_inner(n: int) -> int:
    return n + 1


def examples():
    yield np.zeros(1, np.int32), 0


@kernel(examples=examples)
def {name}(numbers, i: int) -> int:
    return {name}_inner(numbers[i]) + {name}_inner(i) + {name}_inner(7)
"""
AHEAD = """import sys
from quickdraw_kit import kernels

kernels._MIN_CHILD_KERNELS = 0
reports = []
kernels.report_to(lambda *report: reports.append(report[:2]))
number = kernels.compile_missing(["first", "second"])
print(number, reports)
"""
CALL_DECLARED = """import numpy as np
from first import first, first_inner
from second import second

numbers = np.array([3], np.int32)
hits = [sum(each.stats.cache_hits.values()) for each in (first, second) if each(numbers, 0) == 13]
print(hits == [0, 0], hits == [1, 1], len(first_inner.signatures))
"""


def python(folder: Path, code: str) -> str:
    process = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.strip()


@pytest.fixture
def declared(tmp_path):
    """Two modules, each with a kernel that Python calls and one that this one calls."""
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(DECLARED.format(name=name))
    return tmp_path


def test_kernels_are_compiled_ahead_and_once(declared):
    """Also in another process, as there are two modules; the last report says that all is done."""
    number, reports = python(declared, AHEAD).split(maxsplit=1)
    assert number == "4"
    assert reports.startswith("[(0, 4), (1, 4), ")
    assert reports.endswith("(4, 4)]")
    assert python(declared, AHEAD) == "0 []"
    assert python(declared, CALL_DECLARED).split()[:2] == ["False", "True"]


def test_a_kernel_has_one_signature_for_all_whole_numbers(declared):
    """int32, int64 and constants: `_widen_arguments`, which depends on how numba resolves calls."""
    assert python(declared, CALL_DECLARED).split()[2] == "1"


def test_a_kernel_that_is_compiled_at_its_call_is_reported(declared):
    code = """from quickdraw_kit import kernels
reports = []
kernels.report_to(lambda *report: reports.append(report[:2]))
import numpy as np
from first import first
first(np.zeros(1, np.int32), 0)
print(reports)"""
    assert python(declared, code) == "[(0, 2), (1, 2), (1, 2), (2, 2)]"


def test_the_compilation_is_logged(declared):
    code = """import logging, sys
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
from quickdraw_kit.kernels import compile_missing
compile_missing(["first"])"""
    assert python(declared, code).splitlines() == [
        "compiling 2 kernels, once after installation: about 1 s",
        "compiled the kernels",
    ]


@pytest.mark.parametrize("part", ["_source_stamp", "_load_index"])
def test_the_private_parts_of_numba_are_there(part):
    """They are those of the cache file: what marks it as current, and what it contains."""
    dispatcher = numba.njit(lambda: 0)
    dispatcher.enable_caching()
    assert hasattr(dispatcher._cache._cache_file, part), f"numba {numba.__version__}: {part}"


def test_read_only_arrays_share_memory():
    numbers = np.arange(4)
    view = kernels.read_only(numbers)
    assert np.shares_memory(view, numbers)
    assert not view.flags.writeable
    assert numbers.flags.writeable
    assert kernels.read_only(numbers[::2]).flags.c_contiguous


def test_kernels_run_as_python_when_jit_is_disabled(tmp_path, monkeypatch):
    """So a debugger can step through them, and the fuzzer sees their branches."""
    (tmp_path / "outer.py").write_text(OUTER)
    (tmp_path / "inner.py").write_text(INNER.format(added=1))
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert run(tmp_path, "from outer import outer; print(outer(1), False)") == (20, False)


READ_ONLY = """import os, sys
sys.dont_write_bytecode = True
assert not os.access(sys.argv[1], os.W_OK), "the installation is not read-only"
"""
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
CAPABILITIES = "-dac_override,-dac_read_search"  # with these, root can write everywhere
AS_A_USER = (
    ["setpriv", f"--bounding-set={CAPABILITIES}", f"--inh-caps={CAPABILITIES}"] if ROOT else []
)
needs_permissions = pytest.mark.skipif(
    os.name != "posix" or (ROOT and shutil.which("setpriv") is None),
    reason="root can write everywhere, and setpriv is not installed to prevent it",
)


@pytest.fixture
def read_only():
    """An installation in folders without write permission."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder) / "folder"
        package = folder / "quickdraw_kit"
        package.mkdir(parents=True)
        for name in ("__init__.py", "kernels.py"):
            source = Path(kernels.__file__).with_name(name)
            (package / name).write_bytes(source.read_bytes() if name == "kernels.py" else b"")
        (folder / "outer.py").write_text(OUTER)
        (folder / "inner.py").write_text(INNER.format(added=1))
        for path in (package, folder):
            path.chmod(0o555)
        yield folder
        for path in (folder, package):
            path.chmod(0o755)


def run_read_only(folder: Path, user_home: Path) -> tuple[int, bool]:
    removed = {"NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "PYTHONPATH", "COVERAGE_PROCESS_START"}
    environment = {name: value for name, value in os.environ.items() if name not in removed}
    process = subprocess.run(
        [*AS_A_USER, sys.executable, "-c", READ_ONLY + CALL, str(folder)],
        env={**environment, "PYTHONPATH": str(folder), "HOME": str(user_home)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    value, cached = process.stdout.split()
    return int(value), cached == "True"


@needs_permissions
def test_a_read_only_installation_caches_in_the_users_folder(read_only):
    user_home = read_only.parent / "home"
    user_home.mkdir()
    assert run_read_only(read_only, user_home) == (20, False)
    assert run_read_only(read_only, user_home) == (20, True)
    assert list(user_home.rglob("outer*.nbi"))
    assert not list(read_only.rglob("*.nbi"))


@needs_permissions
def test_kernels_are_compiled_in_each_process_where_nothing_is_writable(read_only):
    user_home = read_only / "home"  # cannot be created
    assert run_read_only(read_only, user_home) == (20, False)
    assert run_read_only(read_only, user_home) == (20, False)
