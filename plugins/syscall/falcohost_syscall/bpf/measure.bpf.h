/* Measures on request how long the probe takes for an event: from its entry until the record is in the ring or filtered out.
 * No code of ours follows a filter, so while measuring is on, filters go on to the stage left_out. */
#ifndef FALCOHOST_MEASURE_BPF_H
#define FALCOHOST_MEASURE_BPF_H

#include "scratch.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNT_ROWS);
	__type(key, __u32);
	__type(value, struct call_count);
} call_counts SEC(".maps");

static __always_inline void count_seen(__u32 call)
{
	struct call_count *count = bpf_map_lookup_elem(&call_counts, &call);

	if (count)
		count->seen++;
}

static __always_inline void count_result(__u32 call, bool passed)
{
	struct call_count *count = bpf_map_lookup_elem(&call_counts, &call);

	if (!count)
		return;
	if (passed)
		count->passed++;
	else
		__sync_fetch_and_add(&count->lost, 1); /* the program may lose its processor in between */
}

/* The time, or 0 if measuring is off. */
static __always_inline __u64 begin(void)
{
	return options & OPTION_MEASURE ? bpf_ktime_get_ns() : 0;
}

static __always_inline void count_time(__u32 row, __u64 began)
{
	struct call_count *count;

	if (!began)
		return;
	count = bpf_map_lookup_elem(&call_counts, &row);
	if (!count)
		return;
	count->timed++;
	count->ns += bpf_ktime_get_ns() - began;
}

#endif
