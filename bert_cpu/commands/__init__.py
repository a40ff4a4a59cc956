"""What each subcommand of `bert-cpu` does, one file each."""
