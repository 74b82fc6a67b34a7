"""Compiles conditions to filter programs. It is given a site, and knows nothing of fields, records or the probe."""
