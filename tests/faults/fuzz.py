"""Fuzz one reader, guided by its branches: python -m tests.faults.fuzz TARGET [OPTIONS] FOLDER.

libFuzzer, through atheris, changes valid files and keeps every change that takes a new branch, so
that it gets past checks which blind damage never passes. Kernels run as Python here: their branches
guide it as well, and an index outside its array, which compiled code would follow, is an error. The
kept files are in FOLDER/corpus; `--again` reads them with the compiled kernels.

Kernels compute modulo 2**64 and divide by zero, so numpy must not warn about it within kernels. Any
other warning is a fault. `simplify` multiplies and adds with one rounding, which Python cannot do:
here it rounds twice. The renderer works on addresses, which Python does not have, and the branches
of Parquet are in the C++ of Arrow; these two are left out.
"""

import argparse
import contextlib
import os
import sys
import warnings
from pathlib import Path

import numpy as np

SEED = 20261125
_LONGEST = 4096  # bytes of an input
_SECONDS = 20  # that one input may take
_GUIDES = ["quickdraw_kit", "svgelements", "tomllib"]


def main() -> None:
    """Fuzz, or read again."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=-1)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--again", action="store_true")
    arguments = parser.parse_args()
    (arguments.folder / "corpus").mkdir(parents=True, exist_ok=True)
    if arguments.again:
        read_again(arguments.target, arguments.folder)
    else:
        fuzz(arguments)


def fuzz(arguments: argparse.Namespace) -> None:
    """Change files until there are enough of them, or one is a fault; does not return."""
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    import atheris

    with atheris.instrument_imports(include=_GUIDES):
        from quickdraw_kit import kernels
        from quickdraw_kit.errors import QuickdrawError
        from tests.faults.targets import TARGETS, bound_memory, outcome

        ignoring = np.errstate(all="ignore")
        kernels.kernel = lambda function=None, **_: (
            ignoring if function is None else ignoring(function)
        )
        from quickdraw_kit.strokes import simplify

        simplify._fused = lambda a, b, c: a * b + c
        target = TARGETS[arguments.target](arguments.folder, 1)
        path = arguments.folder / target.name
        for number, seed in enumerate(target.seeds):  # which imports what readers import late
            (arguments.folder / "corpus" / f"seed{number}").write_bytes(seed)
            path.write_bytes(target.whole(seed))
            with contextlib.suppress(QuickdrawError):  # an SVG that shows nothing is refused
                target.read(path)
    words = arguments.folder / "words"
    words.write_text("# words\n" + "".join(f'"{_escaped(word)}"\n' for word in target.words))
    bound_memory()
    warnings.simplefilter("error")

    def read(data: bytes) -> None:
        try:
            outcome(target, path, target.whole(data))
        except BaseException:  # libFuzzer does not always write its own file
            (arguments.folder / "fault-raised").write_bytes(data)
            raise

    options = {
        "runs": arguments.runs,
        "max_total_time": arguments.seconds,
        "seed": arguments.seed,
        "max_len": _LONGEST,
        "timeout": _SECONDS,
        "rss_limit_mb": 4096,
        "dict": words,
        "artifact_prefix": f"{arguments.folder}/fault-",
    }
    given = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *given, str(arguments.folder / "corpus")], read)
    atheris.Fuzz()


def read_again(name: str, folder: Path) -> None:
    """Read what was kept with the compiled kernels."""
    from tests.faults.targets import TARGETS, outcome

    target = TARGETS[name](folder, 1)
    path = folder / target.name
    for kept in sorted((folder / "corpus").iterdir()):
        try:
            outcome(target, path, target.whole(kept.read_bytes()))
        except Exception as error:
            raise AssertionError(f"{kept.read_bytes()!r} is a fault") from error


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main()
