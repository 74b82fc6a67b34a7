"""Explains conditions: why one is true for an event, and whether one implies another."""
