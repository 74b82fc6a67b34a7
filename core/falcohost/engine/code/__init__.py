"""IR to generated Python functions."""
