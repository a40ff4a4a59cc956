"""Measures what is fastest on this machine, within a minute."""
