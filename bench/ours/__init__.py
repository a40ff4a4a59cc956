"""This project as a contestant: each file does a job by the project's own code."""
