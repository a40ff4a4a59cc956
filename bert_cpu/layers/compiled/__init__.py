"""Element-wise work of an encoder block, each kind compiled to one pass by XLA."""
