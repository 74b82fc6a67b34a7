"""Processes, users and containers, as the events of a process refer to them."""
