"""Files of formats that are not read, recognized by their first bytes, and what to do with them."""

import re

_PAGE = re.compile(rb"<(?:!doctype html|html|head|body)\b", re.IGNORECASE)
_MAGIC = {
    b"version https://git-lfs.github.com/spec/": "is a pointer of Git LFS, not the file: run "
    "'git lfs pull' where it comes from",
    b"%PDF-": "is a PDF: export its pictures as PNG or SVG",
    b"\x89HDF\r\n": "is HDF5, which is not read: save its arrays with numpy.save or numpy.savez",
    b"Rar!": "is a RAR archive: unpack it",
    b"7z\xbc\xaf": "is a 7z archive: unpack it",
    b"\0\0\x08\x01": "holds labels: give the file of images, beside which they are found",
    b"\0\0\x0c\x02": "holds labels: give the file of images, beside which they are found",
}
_PICKLE = re.compile(rb"\x80[\x02-\x05][\x8a-\x95}\](cXN]")


def describe_foreign(head: bytes) -> str | None:
    """Describe a file that begins with these bytes, and the next step; None if it may be read."""
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            return what
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        if b"<svg" in head:
            return None
        if b"<ink" in head:
            return "is InkML, which is not read: convert it to SVG"
        if _PAGE.search(head):
            return (
                "is a web page: a page was saved instead of the file. Download the file that the "
                "page links to"
            )
        if b"<Error>" in head:
            return "is the error message of a server, saved instead of the file: download it again"
    if head[257:262] == b"ustar":
        return "is a tar archive: unpack it ('tar xf'), and give the folder"
    if _PICKLE.match(head):
        return (
            "is a Python pickle, which is never read, as it can run any program: save its arrays "
            "with numpy.save or numpy.savez"
        )
    return None
