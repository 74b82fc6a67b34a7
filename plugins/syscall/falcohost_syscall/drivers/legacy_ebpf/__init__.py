"""The driver ``ebpf``: observes system calls with eBPF programs that BCC compiles against the kernel's headers."""
