"""A compiled ruleset as plain data, and back: for the rules cache, and for workers that take new rules."""
