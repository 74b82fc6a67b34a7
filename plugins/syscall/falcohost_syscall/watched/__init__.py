"""Watches the files that rules name by their inodes, so that a hard link does not hide them."""
