"""The ways in which the probe sees calls: at the tracepoint of all calls, or at the kernel's functions for them."""
