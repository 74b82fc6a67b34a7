"""Compares the meaning of two sets of rules; ``falcohost rules diff`` prints the result."""
