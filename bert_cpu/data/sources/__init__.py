"""Where raw examples come from: files and TFDS data sets."""
