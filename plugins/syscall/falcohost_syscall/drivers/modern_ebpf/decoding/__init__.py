"""Decodes the probe's records to events, and updates the process table from them."""
