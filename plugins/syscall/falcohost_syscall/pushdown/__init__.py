"""Translates the rules' plan to requests to the kernel: which events to filter out, and what to collect."""
