"""The modern eBPF driver: loads, attaches and configures the compiled probe, and decodes its records."""
