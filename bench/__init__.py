"""The benchmark: ours and the peers in turn on the same cores; see `__main__`."""
