"""The file formats of shards, one module each, behind one interface: NPY and Parquet.

A new format is one module and one line of `SHARD_FORMATS`.
"""

from quickdraw_kit.shards.formats import npy, parquet
from quickdraw_kit.shards.formats.base import ShardFormat

SHARD_FORMATS: dict[str, ShardFormat] = {"npy": npy, "parquet": parquet}
"""Modules by the name that `PrepareOptions.format` has."""
