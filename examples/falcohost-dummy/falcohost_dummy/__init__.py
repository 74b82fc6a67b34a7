"""A complete falcohost plugin to copy from."""
