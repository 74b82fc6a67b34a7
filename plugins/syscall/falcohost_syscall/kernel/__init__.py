"""The bpf(2) interface: loading objects and generated programs, reading rings."""
