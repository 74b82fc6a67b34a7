/* Fairness in the rings. A ring that is read promptly has room for everybody. When more is unread than its reader soon gets
 * through, each process, each cgroup and each user has budgets of bytes, so that a flood pushes out its own records and not
 * those of others, which are told in time. The budgets of groups are needed for floods by many processes, and that of users
 * for those who may make cgroups. What filters could not decide, what passed them again and again and matched no rule, and long
 * texts have smaller budgets of their own, so that they cost nothing else. */
#ifndef FALCOHOST_FLOOD_BPF_H
#define FALCOHOST_FLOOD_BPF_H

#include "scratch.bpf.h"

/* While less than this share of a ring is unread, everybody has room; and while no more is unread than the reader gets through
 * in SOON, up to half of the ring. */
#define FREE_SHARE 128
#define LEAST_SOON_SHARE 16 /* of a ring: a reader without a processor of its own gets through it in about a second */
#define LEAST_SHARE 32 /* of a ring: what is shared out even if it will not be read in time, so that no flood costs others all */
#define SOON 500000000ULL /* ns */
#define PACE_SPAN 200000000LL /* ns over which its pace is measured */
#define LONG_AGO 10000000000LL /* ns */
#define SELDOM 100000000 /* ns */
#define MOST_OWED 3 /* budgets: how far a group can be behind, so that with its record it is less than the ring */
#define MAX_USER_NAMESPACES 33 /* the kernel's own limit, and the first */

/* What a budget is for. It is a share per second of what is free of the ring, or of what of it will be read in time, which may
 * be spent at once: the slower the ring is read, the smaller are the budgets, so that it never gets full. */
enum account {
	OF_CALLS,     /* process and call: an eighth; group: a quarter */
	OF_UNSURE,    /* calls of which filters could not know all: an eighth of that */
	OF_UNMATCHED, /* calls of a caller and a kind of which hardly any matched lately (unmatched): the same */
	OF_PROCESSES, /* execs, exits, contexts: as calls */
	OF_MORE,      /* long texts, and contexts for calls of which filters could not know all: a quarter of that */
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

/* Whose calls of a kind pass the filters and then match no rule: until when (CLOCK_BOOTTIME) that holds. The reader writes it. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct caller);
	__type(value, __u64);
} unmatched SEC(".maps");

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
	const struct cred *cred = OF(current_task(), cred);
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

/* How fast a ring was read when its reader was last behind: how many bytes in SOON. */
struct pace {
	__s64 ts;
	__u64 read_up_to, written_up_to; /* at that time */
	__u64 soon; /* 0: not measured yet */
};

enum which_ring { RING_OF_CALLS, RING_OF_PROCESSES };
SEC(".data.paces") struct pace paces[2];

/* What is asked of the budgets. Not on the stack, of which kernels up to 6.12 have 512 bytes for all programs that call each
 * other. */
struct asking {
	struct spender process;
	struct group group;
	__u64 ts, unread, ring_bytes;
	__u64 for_seldom; /* while no more is unread, who has few events gets room though its group has spent its budget */
	__u64 free, least; /* what is shared out in budgets, and what is at least */
	__u32 size, account;
	struct caller caller;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct asking);
} askings SEC(".maps");

/* Of bytes in a ring: those of whole records. A reader that sleeps gives back a byte less (wake_flags in scratch.bpf.h). */
#define WHOLE(bytes) ((bytes) & ~7ULL)

static __always_inline __u64 at_least(__u64 number, __u64 least)
{
	return number < least ? least : number;
}

static __always_inline __u64 at_most(__u64 number, __u64 most)
{
	return number < most ? number : most;
}

/* Measures the pace. A reader that has read all that there was at the last time sleeps now and then: it can do more. One that
 * has read nothing may just be replaced by another. */
static __always_inline void measure_pace(struct pace *pace, struct asking *asking, __u64 read_up_to)
{
	__s64 since = pace->ts, took = asking->ts - since;
	__u64 half = asking->ring_bytes / 2, soon = pace->soon ? pace->soon : half;

	read_up_to = WHOLE(read_up_to + 7);
	if (took < PACE_SPAN || (read_up_to == pace->read_up_to && asking->unread) ||
	    EXCHANGED(&pace->ts, since, asking->ts) != since)
		return;
	if (read_up_to >= pace->written_up_to)
		soon = took > LONG_AGO ? half : 2 * soon;
	else
		soon = (soon + ((read_up_to - pace->read_up_to) >> 10) * (SOON >> 10) / ((__u64)took >> 20)) / 2;
	pace->read_up_to = read_up_to;
	pace->written_up_to = read_up_to + asking->unread;
	pace->soon = at_most(soon, half) | 1;
}

/* Whether the reader will soon get to what is written now. Else there are budgets of what it gets through in twice that time: for
 * long texts from half of it on (a few of 120 KiB are not many, and the smallest ring has 2 MiB), for the unwanted always. */
static __always_inline bool is_read_soon(struct asking *asking)
{
	__u64 unread = asking->unread, bytes = asking->ring_bytes, room, soon;
	bool doubtful = asking->account != OF_CALLS && asking->account != OF_PROCESSES;
	struct pace *pace;

	if (asking->account <= OF_UNMATCHED) {
		pace = &paces[RING_OF_CALLS];
		measure_pace(pace, asking, bpf_ringbuf_query(&call_ring, BPF_RB_CONS_POS));
	} else {
		pace = &paces[RING_OF_PROCESSES];
		measure_pace(pace, asking, bpf_ringbuf_query(&proc_ring, BPF_RB_CONS_POS));
	}
	soon = pace->soon ? pace->soon : bytes / 2;
	room = at_most(at_least(soon * 2, bytes / (doubtful ? 64 : 16)), bytes);
	asking->for_seldom = doubtful && asking->account != OF_UNMATCHED ? 0 : at_most(room, bytes / 4 * 3);
	asking->free = unread < room ? room - unread : 0;
	asking->least = doubtful ? 0 : at_most(bytes, (bytes - at_most(unread, bytes)) * 4) / LEAST_SHARE;
	if (asking->account == OF_MORE)
		return unread < soon / 2;
	return !doubtful && unread < at_least(soon, bytes / LEAST_SOON_SHARE);
}

static __always_inline __u64 budget_of(struct asking *asking, __u32 share)
{
	static const __u8 smaller[8] = {[OF_UNSURE] = 3, [OF_UNMATCHED] = 3, [OF_MORE] = 2};

	return at_least(asking->free >> smaller[asking->account & 7], asking->least) >> share;
}

/* Whether a group has room; its process had none since the given time. In a group without budget, a process with few events
 * gets room as long as a quarter of the ring is left for other groups, and twice what will soon be read is not unread. What many
 * such processes get is not owed for ever: the others of their group have room again some seconds after them. */
static __always_inline bool group_has_room(struct asking *asking, struct spent *group, __u64 since)
{
	__u64 budget = budget_of(asking, GROUP_SHARE), spent;

	if (!group)
		return true;
	spent = still_spent(group, asking->ts, budget);
	if (spent > budget && (asking->unread > asking->for_seldom || asking->ts < since + SELDOM))
		return false;
	group->bytes = at_most(spent, MOST_OWED * budget) + asking->size;
	group->ts = asking->ts;
	return true;
}

/* Whether the process, its cgroup and its user have room; if so, they are charged. */
static __always_inline bool charge(struct asking *asking, struct header *event)
{
	__u64 budget = budget_of(asking, PROCESS_SHARE), spent, since;
	struct spent *process;
	__u32 user;

	asking->process.start = event->start;
	asking->process.pid = event->pid;
	asking->process.what = asking->account << 16 | (asking->account <= OF_UNMATCHED ? event->call : 0);
	process = spent_by(&processes_spent, &asking->process);
	if (!process)
		return true;
	spent = still_spent(process, asking->ts, budget);
	since = process->ts;
	if (spent > budget)
		return false;
	user = user_who_answers();
	/* Not at the cost of other users in the same cgroup. */
	asking->group = (struct group){.id = event->cgroup ^ user, .kind = BY_CGROUP, .account = asking->account};
	if (!group_has_room(asking, spent_by(&groups_spent, &asking->group), since))
		return false;
	asking->group.kind = BY_USER;
	asking->group.id = user;
	if (user && !group_has_room(asking, spent_by(&groups_spent, &asking->group), since))
		return false;
	process->bytes = spent + asking->size;
	process->ts = asking->ts;
	return true;
}

/* Whether hardly any of the caller's calls of this kind have matched a rule lately. */
static __always_inline bool is_unmatched(struct asking *asking, struct header *event)
{
	__u64 *until;

	asking->caller.who = event->uid ? event->uid : event->cgroup;
	asking->caller.call = event->call;
	asking->caller.by_user = !!event->uid;
	until = bpf_map_lookup_elem(&unmatched, &asking->caller);
	return until && *until > event->ts && *until - event->ts <= UNMATCHED_FOR;
}

/* Whether a record that the current process causes gets room in a ring of which much is unread. */
GLOBAL int has_budget(EVENT(event), __u64 unread, __u32 size, __u32 account)
{
	TAKE_EVENT(event);
	struct asking *asking;
	__u32 zero = 0;

	asking = bpf_map_lookup_elem(&askings, &zero);
	if (!event || !asking)
		return true;
	asking->ts = event->ts;
	asking->unread = WHOLE(unread);
	asking->size = size;
	asking->account = account == OF_CALLS && is_unmatched(asking, event) ? OF_UNMATCHED : account;
	asking->ring_bytes = account <= OF_UNMATCHED ? settings.ring_bytes : settings.proc_ring_bytes;
	return is_read_soon(asking) || charge(asking, event);
}

/* Filters have not known all of a text that is cut, unreadable or rewritten. */
static __always_inline bool is_doubtful(struct header *event)
{
	return event->flags & (FLAG_CUT | FLAG_UNREADABLE | FLAG_REWRITTEN);
}

static __always_inline bool has_room(struct header *event, void *ring, __u32 size, enum account account)
{
	__u64 unread = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);

	return unread < size_of(ring) / FREE_SHARE || has_budget(GIVE_EVENT(event), unread, size, account);
}

#endif
