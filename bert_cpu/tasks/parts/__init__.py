"""What tasks are made of: parts that several share, and some that one needs."""
