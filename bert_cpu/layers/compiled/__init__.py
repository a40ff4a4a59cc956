"""Element-wise work of an encoder block, compiled by XLA to few passes."""
