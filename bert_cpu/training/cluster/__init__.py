"""Which processes train together, whether all are there, and when one is lost."""
