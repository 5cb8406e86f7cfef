"""What can be downloaded: five variants of the 345 categories, MNIST and Fashion-MNIST.

Only this module turns names into URLs. A mirror may be laid out as Google's bucket, with ``full/``
before the variant, or as a folder of downloads; both are tried.
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

# md5 of the decompressed content, because mirrors compress the files themselves
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
# md5 of the compressed files, as the authors publish them
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

    name: str  # path below the folder of downloads
    urls: tuple[str, ...]  # in the order in which they are tried
    md5: str | None = None
    gunzip: bool = False  # whether `md5` is that of the decompressed content
    only_these_urls: bool = False  # whether a file from another URL does not count as present


def remote_files(
    names: Iterable[str] | None = None, variant: Variant = "simplified", mirror: str | None = None
) -> list[RemoteFile]:
    """List the files of categories, mnist and fashion-mnist; by default of all categories."""
    if variant not in VARIANTS:
        raise UsageError(f"unknown variant {variant!r}: expected one of {', '.join(VARIANTS)}")
    # needed several times, and perhaps an iterator
    names = list(CATEGORIES if names is None else names)
    if not names:
        raise UsageError("no name is given: name categories, mnist or fashion-mnist")
    # mirror="" is the official servers, whatever the environment variable says
    location = os.environ.get("QUICKDRAW_KIT_MIRROR") if mirror is None else mirror
    base = str(parse_location(location)) if location else None

    idx_sets = {_normalize(name) for name in names} & {"mnist", "fashion-mnist"}
    categories = [name for name in names if _normalize(name) not in idx_sets]
    if variant != "simplified" and not categories:
        raise UsageError(
            f"{' and '.join(sorted(idx_sets))} has no variants: leave out {variant} (--variant)"
        )
    files = [_category(word, variant, base) for word in check_categories(categories)]
    if "mnist" in idx_sets:
        files += _idx("mnist", _MNIST, _MNIST_MIRRORS, base, gunzip=True)
    if "fashion-mnist" in idx_sets:
        files += _idx("fashion-mnist", _FASHION, _FASHION_MIRRORS, base, gunzip=False)
    return files


def read_names(path: str | os.PathLike[str]) -> list[str]:
    """Read names from a text file: one per line; blank lines and lines with ``#`` are skipped."""
    try:
        # editors on Windows write a byte order mark, which would be part of the first name
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the names in {path} cannot be read: {error}") from error
    names = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not names:
        raise UsageError(f"{path} contains no names: expected one category per line")
    return names


def _normalize(name: str) -> str:
    return name.casefold().replace("_", "-")


def _category(word: str, variant: Variant, mirror: str | None) -> RemoteFile:
    name = f"{variant}/{word}{_SUFFIXES[variant]}"
    # the bucket has the files of sketchrnn at its top, all others below full/
    official = name if variant == "sketchrnn" else f"full/{name}"
    paths = (official,) if mirror is None else dict.fromkeys((official, name))
    urls = tuple(_join(mirror or BUCKET, path) for path in paths)
    # a mirror may have other drawings than the bucket: files from elsewhere are not used instead
    return RemoteFile(name, urls, only_these_urls=mirror is not None)


def _idx(
    folder: str, md5s: dict[str, str], bases: Sequence[str], mirror: str | None, *, gunzip: bool
) -> list[RemoteFile]:
    if mirror is not None:
        bases = [_join(mirror, folder)]
    return [
        RemoteFile(
            f"{folder}/{name}",
            tuple(_join(base, name) for base in bases),
            md5,
            gunzip,
            only_these_urls=mirror is not None,
        )
        for name, md5 in md5s.items()
    ]


def _join(base: str, path: str) -> str:
    """Append a relative path to a folder or URL; only HTTP URLs are percent-encoded."""
    return f"{base.rstrip('/')}/{quote(path) if is_http_url(base) else path}"
