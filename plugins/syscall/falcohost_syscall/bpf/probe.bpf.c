/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only: the kernel lends what this needs only to programs under the GPL. */
/* The probe: one object for all kernels with BTF, built once per processor and checked in. */
#include "calls.bpf.c"
#include "gathering.bpf.c"
#include "sending.bpf.c"
#include "returns.bpf.c"
#include "begins.bpf.c"
#ifndef OLDER
#include "functions.bpf.c"
#endif
#include "messages.bpf.c"
#ifndef OLDER
#include "uring.bpf.c"
#include "hooks.bpf.c"
#endif
#include "renamed.bpf.c"
#include "moments.bpf.c"
#include "process.bpf.c"
#include "exec.bpf.c"
#include "tasks.bpf.c"

char LICENSE[] SEC("license") = "GPL";
