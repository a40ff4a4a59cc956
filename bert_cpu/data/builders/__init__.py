"""TFDS builders of the data sets that come from pinned packages."""
