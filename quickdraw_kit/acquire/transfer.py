"""Bring one file home: begin or go on, bear with the server, check, and give it its final name."""

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from quickdraw_kit.acquire.cache_entry import Place, checksums, content_md5
from quickdraw_kit.acquire.catalog import RemoteFile
from quickdraw_kit.storage.remote import (
    ChangedError,
    PermanentError,
    RemoteObject,
    TemporaryError,
    look,
    receive,
)
from quickdraw_kit.storage.retry import Session, persist
from quickdraw_kit.storage.urls import redact

__all__ = ["Tell", "adopt", "fetch", "is_here", "locate"]

_Result = TypeVar("_Result")

Tell = Callable[[int, int | None, str], None]
"""Is told the bytes at hand, the bytes in all (None: not known), and what we wait for or ''."""

_LOOK_UPS = 3  # of a name, before anything is under way
_DAMAGED = 2  # whole downloads with wrong bytes before a server is given up


def locate(file: RemoteFile, session: Session, tell: Tell) -> RemoteObject:
    """Find the first address at which a file stands."""

    def waits(note: str) -> None:
        tell(0, None, note)

    def find(url: str) -> RemoteObject:
        return persist(session, lambda: look(session, url), on_wait=waits, look_ups=_LOOK_UPS)

    return _first(file.urls, find)


def fetch(
    file: RemoteFile, place: Place, session: Session, tell: Tell, *, verify: bool = False
) -> int | None:
    """Download a file unless it is there; with `verify`, unless all its bytes are as recorded."""

    def waits(note: str) -> None:
        tell(place.partial_size(), None, note)

    with place.lock(session.stop.is_set, waits):
        if verify and place.is_whole() and not place.is_intact():
            place.remove()
        if is_here(file, place):
            return None
        transfer = _Transfer(file, place, session, tell)
        _first(file.urls, transfer.bring)
        return transfer.received


def is_here(file: RemoteFile, place: Place) -> bool:
    """Tell whether a file stands in its place, whole, and from where it may come."""
    record = place.record()
    if record is None or not place.is_whole():
        return False
    return not file.only_there or redact(record.url) in map(redact, file.urls)


def adopt(file: RemoteFile, place: Place, version: RemoteObject) -> bool:
    """Record a file that someone else put under the final name, if its checksums are right."""
    if (file.md5 or version.md5 or version.crc32c) is None or not place.path.is_file():
        return False
    if version.size not in (None, place.path.stat().st_size):
        return False
    record, complaint = _examine(place.path, file, version)
    if complaint is None:
        with contextlib.suppress(OSError):  # a folder that cannot be written is as good
            place.adopt(record)
    return complaint is None


class _Transfer:
    """One file on its way; it may take several attempts and several addresses."""

    def __init__(self, file: RemoteFile, place: Place, session: Session, tell: Tell) -> None:
        self._file, self._place, self._session, self._tell = file, place, session, tell
        self._damaged = 0
        self.received = 0

    def bring(self, url: str) -> None:
        """Bring the file from one address."""
        self._damaged = 0
        persist(
            self._session,
            lambda: self._attempt(url),
            reached=self._place.partial_size,
            on_wait=lambda note: self._tell(self._place.partial_size(), None, note),
        )

    def _attempt(self, url: str) -> None:
        try:
            partial, version = self._receive(url)
            self._check(partial, version)
        except ChangedError:
            self._place.discard()
            raise

    def _receive(self, url: str) -> tuple[Path, RemoteObject]:
        """Receive the file, or what is missing of it."""
        self._session.check()
        partial, pin = self._place.partial() or (None, None)
        offset = 0
        if partial and pin and pin.pinned and redact(pin.url) == redact(url):
            offset = partial.stat().st_size
            if offset == pin.size:  # killed just before the check
                if not look(self._session, url).is_same(pin):
                    raise ChangedError
                return partial, pin
        with receive(self._session, url, offset, pin if offset else None) as (found, start, pieces):
            if start == 0 or partial is None or pin is None:
                partial, pin = self._place.start(found), found
            done = start
            with partial.open("ab") as out:
                for piece in pieces:
                    self._session.check()
                    out.write(piece)
                    out.flush()  # so that a kill loses nothing
                    done += len(piece)
                    self.received += len(piece)
                    self._tell(done, pin.size, "")
        return partial, pin

    def _check(self, partial: Path, version: RemoteObject) -> None:
        """Compare the file with all that is known of it, and commit it."""
        size = partial.stat().st_size
        if version.size is not None and size < version.size:
            raise TemporaryError(f"the file was cut off after {size} of {version.size} bytes")
        if version.size is not None and size > version.size:
            raise ChangedError(f"{size} bytes came, expected {version.size}")
        record, complaint = _examine(partial, self._file, version)
        if complaint is not None:
            self._damaged += 1
            if self._damaged < _DAMAGED:
                raise ChangedError(complaint)
            self._place.discard()
            raise PermanentError(f"{complaint}, {self._damaged} times")
        self._place.commit(partial, record)


def _examine(
    path: Path, file: RemoteFile, version: RemoteObject
) -> tuple[RemoteObject, str | None]:
    """Return the record of a file's bytes, and what speaks against them."""
    md5, crc32c = checksums(path)
    record = dataclasses.replace(version, size=path.stat().st_size, md5=md5, crc32c=crc32c)
    known = content_md5(path) if file.gunzip else md5
    for name, found, expected in (
        ("md5", md5, version.md5),
        ("crc32c", crc32c, version.crc32c),
        ("md5 of the content" if file.gunzip else "md5", known, file.md5),
    ):
        if expected is not None and found != expected:
            return record, f"the {name} of the bytes is {found}, expected {expected}"
    return record, None


def _first(urls: tuple[str, ...], get: Callable[[str], _Result]) -> _Result:
    """Return what the first address gives, or raise with the reasons of all."""
    reasons = []
    for url in urls:
        try:
            return get(url)
        except (TemporaryError, PermanentError) as error:
            reasons.append(f"{redact(url)}: {error}")
    raise PermanentError("; ".join(reasons))
