"""What can be downloaded: the five official forms of the 345 categories, MNIST and Fashion-MNIST.

Names become addresses here and nowhere else. A mirror may be laid out as Google's bucket is, with
``full/`` before the kind, or as a folder of downloads; both places are tried.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args
from urllib.parse import quote

from quickdraw_kit.categories import CATEGORIES, check_categories
from quickdraw_kit.errors import UsageError
from quickdraw_kit.storage.urls import is_http_url, parse_location

__all__ = ["BUCKET", "VARIANTS", "RemoteFile", "Variant", "remote_files", "words_in"]

Variant: TypeAlias = Literal["simplified", "raw", "binary", "numpy_bitmap", "sketchrnn"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
BUCKET = "https://storage.googleapis.com/quickdraw_dataset"

_SUFFIXES: dict[Variant, str] = {
    "simplified": ".ndjson",
    "raw": ".ndjson",
    "binary": ".bin",
    "numpy_bitmap": ".npy",
    "sketchrnn": ".npz",
}

# Of the bytes after gunzip, because mirrors compress anew.
_MNIST = {
    "train-images-idx3-ubyte.gz": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte.gz": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte.gz": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte.gz": "27ae3e4e09519cfbb04c329615203637",
}
_MNIST_MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist",
)
# Of the files as they are, as their authors publish them.
_FASHION = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
_FASHION_MIRRORS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that can be downloaded."""

    name: str
    urls: tuple[str, ...]
    md5: str | None = None
    gunzip: bool = False
    only_these_urls: bool = False


def remote_files(
    names: Iterable[str] | None = None, variant: Variant = "simplified", mirror: str | None = None
) -> list[RemoteFile]:
    """List the files behind names."""
    if variant not in VARIANTS:
        raise UsageError(f"unknown kind {variant!r}: expected one of {', '.join(VARIANTS)}")
    wanted = list(CATEGORIES if names is None else names)
    if not wanted:
        raise UsageError("no name is given: name categories, mnist or fashion-mnist")
    named = os.environ.get("QUICKDRAW_KIT_MIRROR") if mirror is None else mirror
    base = str(parse_location(named)) if named else None
    digits = {name.casefold().replace("_", "-") for name in wanted} & {"mnist", "fashion-mnist"}
    words = [name for name in wanted if name.casefold().replace("_", "-") not in digits]
    if variant != "simplified" and not words:
        raise UsageError(
            f"{' and '.join(sorted(digits))} comes in one form only: leave out kind {variant} (--variant)"
        )
    files = [_category(word, variant, base) for word in check_categories(words)]
    if "mnist" in digits:
        files += _idx("mnist", _MNIST, _MNIST_MIRRORS, base, gunzip=True)
    if "fashion-mnist" in digits:
        files += _idx("fashion-mnist", _FASHION, _FASHION_MIRRORS, base, gunzip=False)
    return files


def words_in(path: str | os.PathLike[str]) -> list[str]:
    r"""Read names from a text file: one a line, blank lines and those with ``#`` left out."""
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the names in {path} cannot be read: {error}") from error
    words = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not words:
        raise UsageError(f"{path} names nothing: expected one category a line")
    return words


def _category(word: str, variant: Variant, mirror: str | None) -> RemoteFile:
    name = f"{variant}/{word}{_SUFFIXES[variant]}"
    official = name if variant == "sketchrnn" else f"full/{name}"
    places = (official,) if mirror is None else dict.fromkeys((official, name))
    urls = tuple(_address(mirror or BUCKET, place) for place in places)
    return RemoteFile(name, urls, only_these_urls=mirror is not None)


def _idx(
    folder: str, sums: dict[str, str], bases: Sequence[str], mirror: str | None, *, gunzip: bool
) -> list[RemoteFile]:
    if mirror is not None:
        bases = [_address(mirror, folder)]
    return [
        RemoteFile(
            f"{folder}/{name}",
            tuple(_address(base, name) for base in bases),
            md5,
            gunzip,
            only_these_urls=mirror is not None,
        )
        for name, md5 in sums.items()
    ]


def _address(base: str, place: str) -> str:
    """Join a base and a relative place; only on the web is a space written %20."""
    return f"{base.rstrip('/')}/{quote(place) if is_http_url(base) else place}"
