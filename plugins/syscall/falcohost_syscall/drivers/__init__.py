"""Drivers: where system call events come from."""
