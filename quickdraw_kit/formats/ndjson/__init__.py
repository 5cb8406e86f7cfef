"""The official ndjson files: reader, compiled scanner, standard parser and writer."""
