"""Storing alerts: what arrives from sources, is checked, is stored in one transaction, and is acknowledged."""
