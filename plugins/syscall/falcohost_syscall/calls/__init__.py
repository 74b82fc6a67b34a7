"""Describes system calls and other event types: a row for each, with its numbers, parameters and flags."""
