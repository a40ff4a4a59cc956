"""One file a task: head, loss, metrics and how it reads an example."""
