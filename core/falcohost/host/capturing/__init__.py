"""Captures of what happens after alerts: the worker makes their bytes, and a process of its own writes the files."""
