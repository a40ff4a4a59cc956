"""What this computer has, and how BERT should use it."""
