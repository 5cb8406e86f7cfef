"""The file formats of shards: NPY and Parquet."""
