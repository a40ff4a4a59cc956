"""Records made in pieces, by any number of processes and machines, and joined."""
