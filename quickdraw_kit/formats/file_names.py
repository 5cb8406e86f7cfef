"""What the name of a file says about its content."""

from pathlib import Path

COMPRESSION_SUFFIXES = {".gz": "gzip", ".zst": "zstd"}
_OFFICIAL_PREFIXES = ("full_simplified_", "full_raw_", "full_binary_", "full_numpy_bitmap_")


def strip_compression(path: Path) -> Path:
    """Return a path without .gz or .zst."""
    return path.with_suffix("") if path.suffix in COMPRESSION_SUFFIXES else path


def label_from_filename(path: Path) -> str:
    """Return the category that a file is named after."""
    stem = strip_compression(path).stem.removesuffix(".full")  # of Sketch-RNN's larger files
    for prefix in _OFFICIAL_PREFIXES:
        stem = stem.removeprefix(prefix)
    return stem
