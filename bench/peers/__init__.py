"""What ours is raced against, a file for each library and kind of work."""
