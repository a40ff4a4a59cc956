"""One file a task, with its name: head, loss, metrics and how it reads an example."""
