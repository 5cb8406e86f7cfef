"""Predictions for drawings from any source."""
