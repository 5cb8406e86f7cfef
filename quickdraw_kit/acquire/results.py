"""Results of a download, file by file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from quickdraw_kit.errors import QuickdrawError, format_count

_MAX_LISTED = 10  # failures in a message


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """What became of one file.

    Parameters
    ----------
    name : str
        Its path below the folder of downloads, such as ``simplified/cat.ndjson``.
    path : Path
        Where it is, or will be.
    state : {"present", "fetched", "planned", "failed"}
        Present before, downloaded by this run, to be downloaded (dry run), or not available.
    url : str
        Where it was found, or the first URL that was tried.
    size : int, optional
        Bytes of the file; None if the server does not send its size.
    received : int
        Bytes that this run received for it.
    error : str, optional
        Why it failed.
    stays : bool
        Whether it stays at `path`. A file that does not is downloaded to the workdir of the run and
        deleted after use.
    version : str, optional
        Entity tag or generation of a file that was listed by URL.

    Examples
    --------
    >>> from pathlib import Path
    >>> from quickdraw_kit import DownloadedFile
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
    data_home : Path
        Folder of downloads.
    files : tuple of DownloadedFile
        Categories in label order, then MNIST and Fashion-MNIST.

    Examples
    --------
    >>> from pathlib import Path
    >>> from quickdraw_kit import DownloadedFile, DownloadReport
    >>> file = DownloadedFile("a", Path("home/a"), "planned", "https://x/a", size=10)
    >>> DownloadReport(Path("home"), (file, file)).to_fetch
    20
    """

    data_home: Path
    files: tuple[DownloadedFile, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that are complete."""
        return tuple(file.path for file in self.files if file.state in ("present", "fetched"))

    @property
    def failures(self) -> tuple[DownloadedFile, ...]:
        """The files that could not be downloaded."""
        return tuple(file for file in self.files if file.state == "failed")

    @property
    def size(self) -> int:
        """Bytes of all files whose size is known."""
        return sum(file.size or 0 for file in self.files)

    @property
    def to_fetch(self) -> int:
        """Bytes of the files that a dry run would download, as far as sizes are known."""
        return sum(file.size or 0 for file in self.files if file.state == "planned")

    @property
    def received(self) -> int:
        """Bytes that this run received."""
        return sum(file.received for file in self.files)


class DownloadError(QuickdrawError):
    """Some files could not be downloaded; all others are complete.

    Parameters
    ----------
    report : DownloadReport
        What became of every file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from quickdraw_kit import DownloadedFile, DownloadError, DownloadReport
    >>> file = DownloadedFile("a", Path("home/a"), "failed", "", error="the disk is full")
    >>> DownloadError(DownloadReport(Path("home"), (file,))).report.failures[0].name
    'a'
    """

    def __init__(self, report: DownloadReport) -> None:
        failures = report.failures
        lines = [f"\n  {file.name}: {file.error}" for file in failures[:_MAX_LISTED]]
        rest = len(failures) - _MAX_LISTED
        more = f"\n  and {rest} more" if rest > 0 else ""
        total = format_count(len(report.files), "file")
        super().__init__(
            f"{len(failures)} of {total} could not be downloaded:{''.join(lines)}{more}\n"
            "Complete files stay; run the same again to resume."
        )
        self.report = report
