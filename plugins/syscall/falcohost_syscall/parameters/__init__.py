"""Falco's parameters of an event: types, values, texts."""
