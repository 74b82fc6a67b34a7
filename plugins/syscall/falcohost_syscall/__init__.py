"""The event source ``syscall``: system calls of this host, seen by an eBPF program."""
