"""Networks, and models: networks with label names, in files."""
