/* Processes whose calls are not events: the agent's own. */
#ifndef FALCOHOST_IGNORED_BPF_H
#define FALCOHOST_IGNORED_BPF_H

#include "read.bpf.h"
#include "arch.bpf.h"
#include "record.h"

/* By pid: processes whose calls are not events, until they execute a program or end. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} ignored_pids SEC(".maps");

/* By the last bits of the pid: 0 if no such process is or was ignored. Looking this up needs no helper. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IGNORED_HINTS);
	__type(key, __u32);
	__type(value, __u8);
} ignored_hints SEC(".maps");

static __always_inline bool ignored(__u32 tgid)
{
	__u32 place = tgid & (IGNORED_HINTS - 1);
	__u8 *hint = bpf_map_lookup_elem(&ignored_hints, &place);

	return hint && *hint && bpf_map_lookup_elem(&ignored_pids, &tgid);
}

/* The process now runs another program, or has ended. */
static __always_inline void forget_ignored(__u32 pid)
{
	if (ignored(pid))
		bpf_map_delete_elem(&ignored_pids, &pid);
}

#ifndef OLDER
#define ASKED_FOR(ctx) ctx[0]
#else
#define ASKING 39 /* getpid(2), whose arguments the kernel ignores */
#define ASKS_THE_PROBE 0x66616c636f686f73ULL
#define NOT_ASKED (~0ULL)

/* What user space runs a program with. Where none can be run on demand (before Linux 5.10), it attaches the program to the beginning
 * of calls for a moment, and makes a call. */
static __always_inline __u64 asked_for(unsigned long long *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];

	if (!relayed)
		return ctx[0];
	if (ctx[1] != ASKING || FIRST_ARG(regs) != ASKS_THE_PROBE || !ignored(bpf_get_current_pid_tgid() >> 32))
		return NOT_ASKED;
	return SECOND_ARG(regs);
}
#define ASKED_FOR(ctx) ({			\
	__u64 asked_ = asked_for(ctx);		\
						\
	if (asked_ == NOT_ASKED)		\
		return 0;			\
	asked_;					\
})
#endif

#endif
