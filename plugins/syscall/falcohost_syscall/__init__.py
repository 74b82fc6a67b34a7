"""The event source ``syscall``: system calls of this host, observed with eBPF or read from a capture."""
