"""The file formats of shards, one module each, behind one interface: NPY and Parquet.

A new format is one module, one line here, and its name among the choices of
`PrepareOptions.format`.
"""

from quickdraw_kit.shards.formats import npy, parquet
from quickdraw_kit.shards.formats.base import ShardFormat

SHARD_FORMATS: dict[str, ShardFormat] = {"npy": npy, "parquet": parquet}
"""Modules by the name that `PrepareOptions.format` has."""

SHARD_SUFFIXES = tuple(suffix for module in SHARD_FORMATS.values() for suffix in module.SUFFIXES)
"""How the names of all shard files end."""
