"""What happens to raw text before a tokenizer reads it, and how files hold it."""
