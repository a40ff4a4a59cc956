"""What a run came to: a page to read, and tables for the terminal."""
