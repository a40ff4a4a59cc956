"""What the tasks are compared with: transformers and PyTorch, the same weights."""
