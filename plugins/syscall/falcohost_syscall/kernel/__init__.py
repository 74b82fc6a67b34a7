"""The interface to bpf(2): loads objects and generated programs, makes maps, reads the ring buffer."""
