/* The probe: one object for all kernels with BTF, built once per processor and checked in. */
#include "calls.bpf.c"
#include "process.bpf.c"
#include "tasks.bpf.c"

char LICENSE[] SEC("license") = "GPL";
