"""Encoders, and the checkpoints and bundles that hold their weights."""
