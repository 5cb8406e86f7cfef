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

from quickdraw_kit.acquire.addresses import is_web, parse_place
from quickdraw_kit.categories import CATEGORIES, check_categories
from quickdraw_kit.errors import UsageError

__all__ = ["BUCKET", "KINDS", "Kind", "RemoteFile", "remote_files", "words_in"]

Kind: TypeAlias = Literal["simplified", "raw", "binary", "numpy_bitmap", "sketchrnn"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BUCKET = "https://storage.googleapis.com/quickdraw_dataset"

_SUFFIXES: dict[Kind, str] = {
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
    """A file that can be downloaded.

    Parameters
    ----------
    name : str
        Its place below the folder of downloads, such as ``simplified/hot air balloon.ndjson``.
    urls : tuple of str
        Where it may be had; tried in this order.
    md5 : str, optional
        What is known of its content beforehand, 32 hexadecimal digits.
    gunzip : bool
        Whether `md5` is that of the decompressed bytes.
    only_there : bool
        Whether a file that came from elsewhere does not count, because a mirror was named.

    Examples
    --------
    >>> remote_files(["ice cream"])[0].urls[0]
    'https://storage.googleapis.com/quickdraw_dataset/full/simplified/ice%20cream.ndjson'
    """

    name: str
    urls: tuple[str, ...]
    md5: str | None = None
    gunzip: bool = False
    only_there: bool = False


def remote_files(
    names: Iterable[str] | None = None, kind: Kind = "simplified", mirror: str | None = None
) -> list[RemoteFile]:
    """List the files behind names.

    Parameters
    ----------
    names : iterable of str, optional
        Categories, ``mnist``, ``fashion-mnist``; all 345 categories by default.
    kind : {"simplified", "raw", "binary", "numpy_bitmap", "sketchrnn"}
        Form of the categories' files.
    mirror : str, optional
        Where to get them instead: an address with ``http(s)://``, ``file://``, ``gs://``, ``s3://``
        or another that fsspec knows, or a folder. The environment variable
        ``QUICKDRAW_KIT_MIRROR`` by default. What was downloaded from elsewhere before counts only
        if the mirror has a checksum of it, and the same.

    Returns
    -------
    list of RemoteFile
        Categories in label order, then MNIST and Fashion-MNIST, four files each.

    Raises
    ------
    UsageError
        If a name or the kind is not known, no name is given, a kind is given and no category, or
        the mirror's address names no place.

    Examples
    --------
    >>> [file.name for file in remote_files(["dog", "cat"], "binary")]
    ['binary/cat.bin', 'binary/dog.bin']
    >>> remote_files(["cat"], mirror="gs://mine/quickdraw")[0].urls[0]
    'gs://mine/quickdraw/full/simplified/cat.ndjson'
    """
    if kind not in KINDS:
        raise UsageError(f"unknown kind {kind!r}: expected one of {', '.join(KINDS)}")
    wanted = list(CATEGORIES if names is None else names)
    if not wanted:
        raise UsageError("no name is given: name categories, mnist or fashion-mnist")
    named = os.environ.get("QUICKDRAW_KIT_MIRROR") if mirror is None else mirror
    base = str(parse_place(named)) if named else None
    digits = {name.casefold().replace("_", "-") for name in wanted} & {"mnist", "fashion-mnist"}
    words = [name for name in wanted if name.casefold().replace("_", "-") not in digits]
    if kind != "simplified" and not words:
        raise UsageError(
            f"{' and '.join(sorted(digits))} comes in one form only: leave out kind {kind} (--kind)"
        )
    files = [_category(word, kind, base) for word in check_categories(words)]
    if "mnist" in digits:
        files += _idx("mnist", _MNIST, _MNIST_MIRRORS, base, gunzip=True)
    if "fashion-mnist" in digits:
        files += _idx("fashion-mnist", _FASHION, _FASHION_MIRRORS, base, gunzip=False)
    return files


def words_in(path: str | os.PathLike[str]) -> list[str]:
    r"""Read names from a text file: one a line, blank lines and those with ``#`` left out.

    Parameters
    ----------
    path : str or path-like
        The file, UTF-8.

    Returns
    -------
    list of str
        The names as they stand; `remote_files` checks them.

    Raises
    ------
    UsageError
        If the file cannot be read or names nothing.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "animals.txt"
    >>> _ = path.write_text("# pets\ncat\n\ndog\n")
    >>> words_in(path)
    ['cat', 'dog']
    """
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the names in {path} cannot be read: {error}") from error
    words = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not words:
        raise UsageError(f"{path} names nothing: expected one category a line")
    return words


def _category(word: str, kind: Kind, mirror: str | None) -> RemoteFile:
    name = f"{kind}/{word}{_SUFFIXES[kind]}"
    official = name if kind == "sketchrnn" else f"full/{name}"
    places = (official,) if mirror is None else dict.fromkeys((official, name))
    urls = tuple(_address(mirror or BUCKET, place) for place in places)
    return RemoteFile(name, urls, only_there=mirror is not None)


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
            only_there=mirror is not None,
        )
        for name, md5 in sums.items()
    ]


def _address(base: str, place: str) -> str:
    """Join a base and a relative place; only on the web is a space written %20."""
    return f"{base.rstrip('/')}/{quote(place) if is_web(base) else place}"
