/* Fairness in the rings: while much of one is unread, each process, each cgroup and each user has budgets of bytes, so that
 * a flood pushes out its own records and not those of others. The budgets of groups are needed for floods by many
 * processes, and that of users for those who may make cgroups. What filters could not decide, and long texts, have smaller
 * budgets of their own, so that they cost nothing else. */
#ifndef FALCOHOST_FLOOD_BPF_H
#define FALCOHOST_FLOOD_BPF_H

#include "scratch.bpf.h"

/* While less than this share of a ring is unread, everybody has room. */
#define FREE_SHARE 8
#define SELDOM 100000000 /* ns */
#define MAX_USER_NAMESPACES 33 /* the kernel's own limit, and the first */

/* What a budget is for. It is a share per second of what is free in the ring, which may be spent at once: the slower the
 * ring is read, the smaller are the budgets, so that it never gets full. */
enum account {
	OF_CALLS,     /* process and call: an eighth; group: a quarter */
	OF_UNSURE,    /* calls of which filters could not know all: an eighth of that */
	OF_PROCESSES, /* execs, exits, contexts: as calls */
	OF_MORE,      /* long texts: a quarter of that */
};
#define PROCESS_SHARE 3 /* as shifts */
#define GROUP_SHARE 2

struct spender {
	__u64 start;
	__u32 pid;
	__u32 what; /* the account, and the call whose it is */
};

enum group_kind { BY_CGROUP, BY_USER };
struct group {
	__u64 id;
	__u32 kind, account;
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
	__uint(max_entries, 2048);
	__type(key, struct group);
	__type(value, struct spent);
} groups_spent SEC(".maps");

/* Not on the stack, of which kernels up to 6.12 have 512 bytes for all programs that call each other. */
static const struct spent nothing;

static __always_inline struct spent *spent_by(void *map, const void *key)
{
	struct spent *spent = bpf_map_lookup_elem(map, key);

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

/* The user who answers for the current process: the real one, which a set-user-ID program does not change, or the one who
 * made the user namespace in which it runs. 0: root, whose processes are told apart by their cgroups only. */
static __always_inline __u32 user_who_answers(void)
{
	const struct cred *cred = current_task()->cred;
	struct user_namespace *ns = READ(struct cred, cred, user_ns), *up;
	__u32 user = READ(struct cred, cred, uid.val);

	for (int i = 0; i < MAX_USER_NAMESPACES; i++) {
		up = READ(struct user_namespace, ns, parent);
		if (!up)
			break;
		user = READ(struct user_namespace, ns, owner.val);
		ns = up;
	}
	return user;
}

struct asking {
	struct header *event;
	__u64 ts, unread;
	__u32 size, account;
};

static __always_inline __u64 budget_of(struct asking *asking, __u32 share)
{
	static const __u8 smaller[] = {0, 3, 0, 2};
	__u64 free = asking->unread < settings.ring_bytes ? settings.ring_bytes - asking->unread : 0;

	return free >> share >> smaller[asking->account & 3];
}

/* Whether a group has room; its process had none since the given time. In a group without budget, a process with few events
 * gets room as long as half of the ring is left for other groups. */
static __always_inline bool group_has_room(struct asking *asking, struct spent *group, __u64 since)
{
	__u64 budget = budget_of(asking, GROUP_SHARE), spent;

	if (!group)
		return true;
	spent = still_spent(group, asking->ts, budget);
	if (spent > budget && (asking->unread > settings.ring_bytes / 2 || asking->ts < since + SELDOM))
		return false;
	group->bytes = spent + asking->size;
	group->ts = asking->ts;
	return true;
}

/* Whether a record that the current process causes gets room in the ring; its size is taken from the budgets. */
GLOBAL int has_budget(struct header *event, __u64 unread, __u32 size, __u32 account)
{
	struct asking asking = {.unread = unread, .size = size, .account = account};
	struct spender key = {};
	struct group group = {.kind = BY_CGROUP, .account = account};
	__u64 budget, spent, since;
	struct spent *process;

	if (!event)
		return true;
	budget = budget_of(&asking, PROCESS_SHARE);
	asking.ts = event->ts;
	key.start = event->start;
	key.pid = event->pid;
	key.what = account << 16 | (account <= OF_UNSURE ? event->call : 0);
	process = spent_by(&processes_spent, &key);
	if (!process)
		return true;
	spent = still_spent(process, asking.ts, budget);
	since = process->ts;
	if (spent > budget)
		return false;
	group.id = event->cgroup;
	if (!group_has_room(&asking, spent_by(&groups_spent, &group), since))
		return false;
	group.kind = BY_USER;
	group.id = user_who_answers();
	if (group.id && !group_has_room(&asking, spent_by(&groups_spent, &group), since))
		return false;
	process->bytes = spent + size;
	process->ts = asking.ts;
	return true;
}

static __always_inline bool has_room(struct header *event, void *ring, __u32 size, enum account account)
{
	__u64 unread = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);

	return unread < settings.ring_bytes / FREE_SHARE || has_budget(event, unread, size, account);
}

#endif
