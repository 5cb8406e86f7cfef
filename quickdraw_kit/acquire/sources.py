"""Turn what a person names (files, folders, globs, categories) into a list of sources."""

import glob
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from quickdraw_kit.acquire.catalog import Variant, remote_files
from quickdraw_kit.acquire.results import DownloadedFile
from quickdraw_kit.categories import check_categories
from quickdraw_kit.errors import DataError, UsageError
from quickdraw_kit.storage.files import detect_compression
from quickdraw_kit.storage.urls import parse_location, redact

__all__ = ["Source", "SourceFormat", "label_from_filename", "resolve_sources"]

SourceFormat: TypeAlias = Literal["ndjson", "csv", "binary", "stroke3", "bitmaps", "idx"]

_FORMATS: dict[str, SourceFormat] = {
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".bin": "binary",
    ".npz": "stroke3",
    ".npy": "bitmaps",
}
_COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
_FINISHED = ("manifest.json", "histogram.csv")  # of shards, which come later
_OFFICIAL_PREFIXES = ("full_simplified_", "full_raw_", "full_binary_", "full_numpy_bitmap_")


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """A file to read drawings or bitmaps from.

    Parameters
    ----------
    name : str
        Shortest path that tells the sources of one run apart; the same on every machine.
    path : Path
        Where it is; for one that is named by an address, the address as a path.
    form : {"ndjson", "csv", "binary", "stroke3", "bitmaps", "idx"}
        Official ndjson, Kaggle's CSV, official .bin, Sketch-RNN's .npz, official bitmaps (.npy), or
        IDX images as of MNIST.
    size : int
        Bytes on disk.
    mtime_ns : int
        Time of the last change, in nanoseconds.
    compression : {"gzip", "zstd", None}
        How it is compressed.
    remote : DownloadedFile, optional
        What is to be fetched, for a source that comes when its turn is; until then `size` is what
        the server says and `mtime_ns` is 0.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "full_simplified_cat.ndjson"
    >>> _ = path.write_text("{}")
    >>> resolve_sources([path])[0].word
    'cat'
    """

    name: str
    path: Path
    format: SourceFormat
    size: int
    mtime_ns: int
    compression: str | None
    remote: DownloadedFile | None = field(default=None, compare=False)

    @property
    def word(self) -> str:
        """The category that the file's name gives, for forms that do not name it inside."""
        named = self if self.remote is None else self.remote  # it may pass through under another
        return label_from_filename(named.path)

    def check_unchanged(self) -> None:
        """Raise when the file is not the one that was found.

        Raises
        ------
        DataError
            If it is gone, or its size or time has changed.
        """
        try:
            now = self.path.stat()
        except OSError as error:
            raise DataError(f"{self.path} was there when the run began and is gone") from error
        if (now.st_size, now.st_mtime_ns) != (self.size, self.mtime_ns):
            sizes = f"{self.size} bytes when the run began, {now.st_size} now"
            what = sizes if now.st_size != self.size else "its time is another"
            raise DataError(
                f"{self.path} changed while it was read: {what}. Start again when nothing writes "
                "to it."
            )


def label_from_filename(path: Path) -> str:
    """Return the category that a file's name gives."""
    stem = _bare(path).stem.removesuffix(".full")  # as Sketch-RNN's larger files end
    for prefix in _OFFICIAL_PREFIXES:
        stem = stem.removeprefix(prefix)
    return stem


def resolve_sources(
    specs: Iterable[str | os.PathLike[str]],
    *,
    data_home: Path | None = None,
    variant: Variant = "simplified",
    look: Callable[[Sequence[str]], Sequence[DownloadedFile]] | None = None,
    look_at: Callable[[str], Sequence[DownloadedFile]] | None = None,
) -> list[Source]:
    """Find the files that a person means.

    Parameters
    ----------
    specs : iterable of str or path-like
        Files, folders (their readable files, not their subfolders), glob patterns, addresses of
        any of these, or names of categories, which stand for their files in the folder of
        downloads, such as ``home/simplified/<category>.ndjson``.
    home : Path, optional
        Folder of downloaded data, for categories.
    kind : {"simplified", "raw", "binary", "numpy_bitmap", "sketchrnn"}
        Form of the categories' files.
    look : callable, optional
        Says of categories where their files are or will be; with it they need not be there yet.
    look_at : callable, optional
        Says of an address which files it means, as `resolve_url` does; without it addresses are
        refused.

    Returns
    -------
    list of Source
        Each file once, sorted by name, whatever the order of `specs`.

    Raises
    ------
    UsageError
        If a name is neither there nor a category, a pattern matches nothing, a category is not
        downloaded, or a folder holds finished shards.
    DataError
        If a folder holds no readable file, or a file's form is not known.

    Examples
    --------
    >>> folder = getfixture("tmp_path")
    >>> for name in ("dog.ndjson", "cat.ndjson", "notes.txt"):
    ...     _ = (folder / name).write_text("{}")
    >>> [source.name for source in resolve_sources([folder / "dog.ndjson", folder])]
    ['cat.ndjson', 'dog.ndjson']
    """
    found: dict[Path, DownloadedFile | None] = {}
    categories: list[str] = []
    for spec in specs:
        place = parse_location(spec)
        if isinstance(place, str):
            for file in _there(place, look_at):
                other = found.setdefault(file.path, file)
                if other is not None and other.url != file.url:
                    raise UsageError(
                        f"{redact(file.url)} and {redact(other.url)} are told apart by no name"
                    )
        elif (files := _expand(place)) is None:
            if any(mark in os.fspath(spec) for mark in "/\\"):  # which no category has
                raise UsageError(f"{os.fspath(spec)} does not exist")
            categories += check_categories([str(place)])
        else:
            found.update((path.resolve(), None) for path in files)
    if categories and look is not None:
        found.update((file.path.resolve(), file) for file in look(categories))
    elif categories:
        found.update((path.resolve(), None) for path in _downloaded(categories, variant, data_home))
    if not found:
        raise UsageError("no source is named: give files, folders, globs or categories")
    paths = sorted(found)
    names = _shortest_names(paths)
    return sorted(_source(path, name, found[path]) for path, name in zip(paths, names, strict=True))


def _expand(path: Path) -> list[Path] | None:
    """Return the files that are meant; None when it can only be a category."""
    if path.is_dir():
        if all((path / name).exists() for name in _FINISHED):
            raise UsageError(
                f"{path} is a finished data set of shards, and no drawings to read: name the "
                "files that it was made of. What it holds says: quickdraw-kit histogram"
            )
        files = [child for child in sorted(path.iterdir()) if _format(child) and child.is_file()]
        if not files:
            inner = sorted(child.name for child in path.iterdir() if child.is_dir())[:5]
            hint = f"; it has the folders {', '.join(inner)}: name one" if inner else ""
            raise DataError(
                f"{path} holds no .ndjson, .csv, .bin, .npz, .npy or IDX file, also not with .gz "
                f"or .zst{hint}"
            )
        return files
    if path.exists():
        return [path]
    if glob.has_magic(str(path)):
        # Path.glob would refuse an absolute pattern
        matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
        files = [match for match in matches if match.is_file() and _format(match)]
        if not files:
            raise UsageError(f"no readable file matches {path}")
        return files
    if path.parent != Path() or path.suffix:
        raise UsageError(f"{path} does not exist")
    return None


def _there(
    url: str, look_at: Callable[[str], Sequence[DownloadedFile]] | None
) -> list[DownloadedFile]:
    """Return the files that an address means, which are not here."""
    if look_at is None:
        raise UsageError(f"{redact(url)} is no file here, and only prepare reads from elsewhere")
    files = list(look_at(url))
    readable = [file for file in files if _format(file.path)]
    if not readable:
        raise DataError(
            f"{redact(url)} is of no known form, nor holds a file that is: found {len(files)}, the "
            f"first is {files[0].path.name}; expected .ndjson, .jsonl, .csv, .bin, .npz or .npy, "
            "as it is or with .gz or .zst"
        )
    return readable


def _downloaded(categories: Sequence[str], variant: Variant, data_home: Path | None) -> list[Path]:
    if data_home is None:
        raise UsageError(f"{categories[0]!r} is a category, and no folder of downloads is given")
    paths = [data_home / file.name for file in remote_files(categories, variant)]
    for path in paths:
        if not path.exists():
            option = "" if variant == "simplified" else f" --variant {variant}"
            raise UsageError(
                f"{path.stem!r} is not downloaded: {path} does not exist. "
                f"Run: quickdraw-kit download{option} {path.stem!r}, or pass --download"
            )
    return paths


def _bare(path: Path) -> Path:
    return path.with_suffix("") if path.suffix in _COMPRESSED else path


def _format(path: Path) -> SourceFormat | None:
    bare = _bare(path)
    if bare.name.endswith(("-images-idx3-ubyte", "-images.idx3-ubyte")):
        return "idx"
    return _FORMATS.get(bare.suffix)


def _source(path: Path, name: str, remote: DownloadedFile | None) -> Source:
    format = _format(path)
    if format is None:
        raise DataError(
            f"{path} is of no known form: expected .ndjson, .jsonl, .csv, .bin, .npz, .npy "
            "or *-images-idx3-ubyte, as it is or with .gz or .zst"
        )
    if remote is not None:
        if remote.size is None:
            raise DataError(
                f"{redact(remote.url)}: the server does not tell its size, so that it cannot be "
                "planned for. Download it first."
            )
        if format == "idx":
            raise UsageError(
                f"{redact(remote.url)}: IDX images are read together with their labels. Run: "
                "quickdraw-kit download mnist, with --mirror for another place"
            )
        return Source(name, path, format, remote.size, 0, _COMPRESSED.get(path.suffix), remote)
    status = path.stat()
    return Source(name, path, format, status.st_size, status.st_mtime_ns, detect_compression(path))


def _shortest_names(paths: list[Path]) -> list[str]:
    """Return the last parts of each path, as many as it takes to tell them apart."""
    for parts in range(1, max(len(path.parts) for path in paths) + 1):
        names = [Path(*path.parts[-parts:]).as_posix() for path in paths]
        if len(set(names)) == len(names):
            break
    return names
