"""Conditions for people: why one holds for an event, and what follows from one for another."""
