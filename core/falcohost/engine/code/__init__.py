"""Compiles IR to generated Python functions."""
