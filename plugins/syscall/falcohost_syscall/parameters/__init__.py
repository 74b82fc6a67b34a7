"""Falco's parameters of an event: their types, values and texts."""
