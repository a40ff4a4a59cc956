"""Answers from converted models: in this process, and (later) over HTTP."""
