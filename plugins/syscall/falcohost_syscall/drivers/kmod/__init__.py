"""The driver ``kmod``: observes the system calls of this machine with Falco's kernel module."""
