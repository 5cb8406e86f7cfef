"""Read shards: datasets, prefetching and file readers."""
