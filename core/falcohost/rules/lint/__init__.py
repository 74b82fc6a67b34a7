"""Finds mistakes in loaded rules that are no errors; ``falcohost rules lint`` prints them."""
