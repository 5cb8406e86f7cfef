"""Inference: inputs of any format, and the predictions of a model for them."""
