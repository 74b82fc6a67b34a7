"""Converts a compiled ruleset to plain data and back, for the rules cache and for sending new rules to workers."""
