"""The two stages of `prepare`: extract chunks to spill files, merge spill files into shards."""
