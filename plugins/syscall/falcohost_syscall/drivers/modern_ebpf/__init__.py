"""The modern eBPF driver: the compiled probe, what it is told, and what it tells."""
