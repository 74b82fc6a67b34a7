/* Processes whose calls are not events: the agent's own. */
#ifndef FALCOHOST_IGNORED_BPF_H
#define FALCOHOST_IGNORED_BPF_H

#include "read.bpf.h"
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

#endif
