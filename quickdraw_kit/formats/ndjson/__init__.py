"""The official ndjson files: scanner, line parser and writer."""
