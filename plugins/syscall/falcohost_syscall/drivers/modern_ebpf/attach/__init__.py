"""Attaches the probe to system calls: at the tracepoint of all calls, or at the kernel functions of single calls."""
