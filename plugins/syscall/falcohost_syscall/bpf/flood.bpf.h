/* Fairness in the ring of calls: while much of it is unread, each process and each cgroup has a budget of bytes, so that
 * a flood pushes out its own events and not those of others. The cgroup's budget is needed for floods by many
 * processes. */
#ifndef FALCOHOST_FLOOD_BPF_H
#define FALCOHOST_FLOOD_BPF_H

#include "scratch.bpf.h"

/* Shares of the ring. While less than the first is unread, everybody has room. A budget is a share per second, which may
 * be spent at once. */
#define FREE_SHARE 8
#define PROCESS_SHARE 8
#define CGROUP_SHARE 4
#define SELDOM 100000000 /* ns */

struct spender {
	__u64 start;
	__u32 pid;
	__u32 call;
};

/* Bytes spent of a budget, as of ts. Concurrent updates by several processors may lose some. */
struct spent {
	__u64 ts, bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct spender);
	__type(value, struct spent);
} processes_spent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct spent);
} cgroups_spent SEC(".maps");

static __always_inline struct spent *spent_by(void *map, const void *key)
{
	struct spent *spent = bpf_map_lookup_elem(map, key), nothing = {};

	if (spent)
		return spent;
	bpf_map_update_elem(map, key, &nothing, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, key);
}

/* What is still spent of a budget, which is refilled at so many bytes per second. */
static __always_inline __u64 still_spent(struct spent *spent, __u64 ts, __u64 budget)
{
	__u64 ago = ts > spent->ts ? ts - spent->ts : 0;
	__u64 back = (ago >> 10) * (budget >> 10) >> 10; /* a second has about 2^30 ns */

	return back < spent->bytes ? spent->bytes - back : 0;
}

/* Whether the event gets room in the ring; its size is taken from the budgets. In a cgroup without budget, a process with
 * few events gets room as long as half of the ring is left for other cgroups. */
static __always_inline bool has_room(struct header *h, void *ring, __u32 size)
{
	struct spender key = {.start = h->start, .pid = h->pid, .call = h->call};
	__u64 unread = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	__u64 process_budget = settings.ring_bytes / PROCESS_SHARE, cgroup_budget = settings.ring_bytes / CGROUP_SHARE;
	__u64 cgroup = h->cgroup, ts = h->ts, by_process, by_cgroup;
	struct spent *process, *group;

	if (unread < settings.ring_bytes / FREE_SHARE)
		return true;
	process = spent_by(&processes_spent, &key);
	group = spent_by(&cgroups_spent, &cgroup);
	if (!process || !group)
		return true;
	by_process = still_spent(process, ts, process_budget);
	by_cgroup = still_spent(group, ts, cgroup_budget);
	if (by_process > process_budget)
		return false;
	if (by_cgroup > cgroup_budget && (unread > settings.ring_bytes / 2 || ts < process->ts + SELDOM))
		return false;
	process->bytes = by_process + size;
	group->bytes = by_cgroup + size;
	process->ts = group->ts = ts;
	return true;
}

#endif
