"""What became of a download, file by file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quickdraw_kit.errors import QuickdrawError, format_count

__all__ = ["DownloadError", "DownloadReport", "DownloadedFile"]


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """What became of one file.

    Parameters
    ----------
    name : str
        Its place below the folder of downloads, such as ``simplified/cat.ndjson``.
    path : Path
        Where it is, or will be.
    state : {"present", "fetched", "planned", "failed"}
        There before, brought by this run, would be brought (dry run), or not to be had.
    url : str
        Where it was found, or the first address that was asked.
    size : int, optional
        Bytes of the whole file; None when the server does not tell.
    received : int
        Bytes that this run received for it.
    error : str, optional
        Why it failed.
    stays : bool
        Whether it is to stay under `path`; one that does not passes through the folder of whoever
        works on it.
    version : str, optional
        What tells it from others that were at this address or will be, where that is known.

    Examples
    --------
    >>> DownloadedFile("binary/cat.bin", Path("home/binary/cat.bin"), "present", "").path.name
    'cat.bin'
    """

    name: str
    path: Path
    state: Literal["present", "fetched", "planned", "failed"]
    url: str
    size: int | None = None
    received: int = 0
    error: str | None = None
    stays: bool = True
    version: str | None = None


@dataclass(frozen=True, slots=True)
class DownloadReport:
    """What became of all files.

    Parameters
    ----------
    home : Path
        Folder of downloads.
    files : tuple of DownloadedFile
        In the order of the catalog.

    Examples
    --------
    >>> file = DownloadedFile("a", Path("home/a"), "planned", "https://x/a", size=10)
    >>> DownloadReport(Path("home"), (file, file)).to_fetch
    20
    """

    data_home: Path
    files: tuple[DownloadedFile, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that are there now."""
        return tuple(file.path for file in self.files if file.state in ("present", "fetched"))

    @property
    def failures(self) -> tuple[DownloadedFile, ...]:
        """The files that are not to be had."""
        return tuple(file for file in self.files if file.state == "failed")

    @property
    def size(self) -> int:
        """Bytes of all files whose size is known."""
        return sum(file.size or 0 for file in self.files)

    @property
    def to_fetch(self) -> int:
        """Bytes of the files that a dry run would fetch, as far as sizes are known."""
        return sum(file.size or 0 for file in self.files if file.state == "planned")

    @property
    def received(self) -> int:
        """Bytes that this run received."""
        return sum(file.received for file in self.files)


class DownloadError(QuickdrawError):
    """Some files could not be had; all others are there.

    Parameters
    ----------
    report : DownloadReport
        What became of every file.

    Examples
    --------
    >>> file = DownloadedFile("a", Path("home/a"), "failed", "", error="the disk is full")
    >>> DownloadError(DownloadReport(Path("home"), (file,))).report.failures[0].name
    'a'
    """

    def __init__(self, report: DownloadReport) -> None:
        failures = report.failures
        lines = [f"\n  {file.name}: {file.error}" for file in failures[:10]]
        more = f"\n  and {len(failures) - 10} more" if len(failures) > 10 else ""
        super().__init__(
            f"{len(failures)} of {format_count(len(report.files), 'file')} could not be had:"
            f"{''.join(lines)}{more}\nWhat is in place stays; run the same again to go on."
        )
        self.report = report
