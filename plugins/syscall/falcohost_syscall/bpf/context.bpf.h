/* What is known of each process, kept on its main thread from exec to exec, and how user space is told of it: before an
 * event that needs it, and only then. */
#ifndef FALCOHOST_CONTEXT_BPF_H
#define FALCOHOST_CONTEXT_BPF_H

#include "execed.bpf.h"

#define MAX_GENERATIONS 64 /* ancestors that are told of */

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct process);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct large_image);
} large_images SEC(".maps");

/* One for each CPU, in which what is told is put together. User space sets max_entries before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} context_scratches SEC(".maps");

/* Counts changes of processes that were told of: while it stands still, what was told of is as it was told. */
SEC(".data.generation") volatile __u64 generation;

extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;

/* The pointers to tasks here are of the kind that storage takes: followed from one that the kernel vouches for. */
static __always_inline struct task_struct *parent_of(struct task_struct *leader)
{
	return leader->real_parent->group_leader;
}

static __always_inline struct process *process_of(struct task_struct *leader)
{
	return bpf_task_storage_get(&processes, leader, NULL, 0);
}

static __always_inline void keep_comm(struct process *p, struct task_struct *task)
{
	long len = bpf_probe_read_kernel_str(p->comm, sizeof(p->comm), task->comm);

	p->comm_len = len > 0 ? len - 1 : 0;
}

/* A new process is what its maker is, under the name of the thread that made it. */
static __always_inline void keep_fork(struct task_struct *maker, struct task_struct *child)
{
	struct process *p = process_of(maker), *c;
	struct large_image *large;

	if (!p)
		return;
	c = bpf_task_storage_get(&processes, child, p, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!c)
		return;
	c->known = 0;
	c->told_seq = 0;
	c->checked = 0;
	keep_comm(c, child);
	if (!p->large)
		return;
	large = bpf_task_storage_get(&large_images, maker, NULL, 0);
	if (large)
		bpf_task_storage_get(&large_images, child, large, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* Where a section lies in the record that is being put together. */
struct place {
	__u32 at, len;
};

static __always_inline struct place last_section(struct scratch *s, __u32 before)
{
	struct place place = {before + sizeof(struct section), 0};

	if (s->pos > before)
		place.len = s->pos - before - sizeof(struct section);
	return place;
}

static __always_inline const void *bytes_at(struct scratch *s, struct place place)
{
	return s->record + (place.at & (RECORD_SIZE - 1));
}

static __always_inline bool keep_large(struct scratch *s, struct task_struct *task, struct place exe, struct place args,
				       struct place env)
{
	struct large_image *large = bpf_task_storage_get(&large_images, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!large)
		return false;
	bpf_probe_read_kernel(large->exe, CHUNK, bytes_at(s, exe));
	bpf_probe_read_kernel(large->args, CHUNK, bytes_at(s, args));
	bpf_probe_read_kernel(large->env, CHUNK, bytes_at(s, env));
	large->env_len = env.len;
	return true;
}

/* What an exec has made of the process, as it stands in the record. The storage of a thread that became the process by
 * it is new: user space may know the process. */
static __always_inline struct process *keep_exec(struct scratch *s, struct task_struct *task, bool by_thread,
						 struct place execed, struct place exe, struct place args,
						 struct place env)
{
	struct process *p = bpf_task_storage_get(&processes, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!p)
		return NULL;
	if (by_thread)
		p->known = 1;
	p->large = (exe.len > EXE_KEPT || args.len > ARGS_KEPT || env.len) && keep_large(s, task, exe, args, env);
	__sync_fetch_and_add(&p->seq, 1);
	p->exec_ts = s->header.ts;
	p->exe_len = p->large || exe.len <= EXE_KEPT ? exe.len : NOT_KEPT;
	p->args_len = !args.len || (args.len > ARGS_KEPT && !p->large) ? NOT_KEPT : args.len;
	keep_comm(p, task);
	bpf_probe_read_kernel(&p->execed, sizeof(p->execed), bytes_at(s, execed));
	bpf_probe_read_kernel(p->exe, EXE_KEPT, bytes_at(s, exe));
	p->arg0_len = bpf_probe_read_kernel_str(p->args, ARGS_KEPT, bytes_at(s, args)) - 1; /* and then the others */
	bpf_probe_read_kernel(p->args, ARGS_KEPT, bytes_at(s, args));
	p->has_image = 1;
	__sync_fetch_and_add(&p->seq, 1);
	if (p->known)
		__sync_fetch_and_add(&generation, 1);
	return p;
}

/* What would be told of a process now. */
struct now {
	__u64 start, cwd[2];
	__u32 seq, ppid, sid, pgid;
};

/* Nearly without branches, as the verifier follows each way through them. What is not asked for is 0. */
static __always_inline void see_now(struct now *now, struct process *p, struct task_struct *leader, __u32 own)
{
	struct task_struct *task = TYPED(struct task_struct, leader);
	struct task_struct *parent = task->real_parent->group_leader;
	__u32 sessions = !!(options & OPTION_SESSIONS);

	now->seq = p->seq;
	now->start = parent->start_boottime;
	now->ppid = parent->tgid;
	now->sid = sessions * pid_nr(task->signal->pids[PIDTYPE_SID], 0);
	now->pgid = sessions * pid_nr(task->signal->pids[PIDTYPE_PGID], 0);
	now->cwd[0] = now->cwd[1] = 0;
	if (own && options & OPTION_EXEC_CWD)
		bpf_probe_read_kernel(now->cwd, sizeof(now->cwd), &task->fs->pwd);
}

static __always_inline bool is_as_told(struct process *p, struct now *now)
{
	__u64 other = p->told_start ^ now->start;

	other |= p->told_seq ^ now->seq;
	other |= p->told_ppid ^ now->ppid;
	other |= p->told_sid ^ now->sid;
	other |= p->told_pgid ^ now->pgid;
	if (now->cwd[1])
		other |= (p->told_cwd[0] ^ now->cwd[0]) | (p->told_cwd[1] ^ now->cwd[1]);
	return !other;
}

static __always_inline void mark_told(struct process *p, struct now *now, __u64 ts)
{
	p->told_ts = ts;
	p->told_start = now->start;
	p->told_ppid = now->ppid;
	p->told_sid = now->sid;
	p->told_pgid = now->pgid;
	if (now->cwd[1]) {
		p->told_cwd[0] = now->cwd[0];
		p->told_cwd[1] = now->cwd[1];
	}
	p->told_seq = now->seq;
}

/* Appends len bytes of what is kept. */
static __always_inline void put_kept(struct scratch *s, __u16 tag, const void *kept, __u32 len)
{
	void *room = section_room(s);

	barrier_var(len);
	if (!room || !len || len > CHUNK)
		return;
	if (bpf_probe_read_kernel(room, len, kept) == 0)
		end_section(s, tag, len);
}

/* What is kept. Session and group are as they are now. */
static __always_inline void put_process(struct scratch *s, struct process *p, struct task_struct *leader)
{
	struct process *copy = section_room(s);
	struct large_image *large;

	if (!copy)
		return;
	bpf_probe_read_kernel(copy, sizeof(*copy), p);
	read_groups(&copy->execed, TYPED(struct task_struct, leader));
	if (copy->execed.sid != p->execed.sid)
		copy->execed.tty = 0; /* setsid(2) */
	end_section(s, SEC_PROCESS, sizeof(*copy));
	large = p->large ? bpf_task_storage_get(&large_images, leader, NULL, 0) : NULL;
	if (!large)
		return;
	put_kept(s, SEC_EXE, large->exe, p->exe_len);
	put_kept(s, SEC_ARGS, large->args, p->args_len);
	put_kept(s, SEC_ENV, large->env, large->env_len);
}

/* Tells of one process as it is now; the time of the record is before that of the event. */
static __always_inline bool tell_now(struct process *p, struct task_struct *leader, struct now *now, __u64 ts)
{
	struct task_struct *task = TYPED(struct task_struct, leader);
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = bpf_map_lookup_elem(&context_scratches, &cpu);

	if (!s) {
		count_lost(LOST_SCRATCH);
		return false;
	}
	start_record(s, KIND_TASK);
	fill_ids(&s->header, task);
	bpf_probe_read_kernel(s->header.comm, sizeof(s->header.comm), task->comm);
	s->header.pid = task->tgid;
	s->header.tid = task->pid;
	s->header.ts = ts;
	s->header.args[0] = now->start;
	if (p->has_image)
		put_process(s, p, leader);
	if (now->cwd[1])
		put_path(s, SEC_CWD, task, &task->fs->pwd);
	p->known = 1;
	if (!submit(s, &proc_ring, LOST_PROC_RING_FULL))
		return false;
	mark_told(p, now, ts);
	return true;
}

/* Where the walk up from a process stands. */
struct telling {
	struct task_struct *leader;
	struct header *event;
	__u64 since;  /* the generation when it began */
	__u64 latest; /* time of the latest record of those that told of what was passed */
	__u32 own;    /* enum own of the next */
	__u32 fragile; /* something is about to change, or could not be told */
};

/* Whether it is the event's process; that of an exec is told of by the record itself. */
enum own { ANOTHER, OWN, OWN_EXEC };

static __always_inline struct process *process_or_new(struct task_struct *leader)
{
	struct process *p = bpf_task_storage_get(&processes, leader, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (p && !p->seq)
		p->seq = 2;
	return p;
}

/* Tells of one process if that is needed; true if nothing is needed of those above it. */
static __always_inline bool tell_one(struct telling *t, struct process *p, struct task_struct *leader, __u32 own)
{
	struct now now;
	bool told;

	see_now(&now, p, leader, own);
	told = is_as_told(p, &now);
	if (told && p->checked == t->since && !(options & OPTION_SESSIONS)) {
		if (p->checked_ts > t->latest)
			t->latest = p->checked_ts;
		return true;
	}
	if (!told && own != OWN_EXEC && !tell_now(p, leader, &now, t->event->ts - 1))
		t->fragile = 1;
	if (p->told_ts > t->latest)
		t->latest = p->told_ts;
	return false;
}

static int tell_step(__u32 i, struct telling *t)
{
	struct task_struct *leader = t->leader;
	struct process *p = process_or_new(leader);
	struct task_struct *typed;
	__u32 own = t->own;

	t->own = ANOTHER;
	t->leader = parent_of(leader);
	typed = TYPED(struct task_struct, t->leader);
	if (!p || typed->signal->live.counter == 0)
		t->fragile = 1;
	return (p && tell_one(t, p, leader, own)) || typed->tgid == 0;
}

/* Tells of a process and its ancestors, as far as what was told of them is no longer so, and lets the event be later. */
static __always_inline void tell_from(struct task_struct *leader, struct header *event, __u32 own)
{
	struct telling t = {.leader = leader, .event = event, .own = own, .since = generation};
	struct process *p;

	bpf_loop(MAX_GENERATIONS, tell_step, &t, 0);
	if (event->ts <= t.latest)
		event->ts = t.latest + 1;
	p = process_of(leader);
	if (!p || t.fragile || own == OWN_EXEC)
		return;
	p->checked_ts = t.latest;
	p->checked = t.since;
}

/* To be called before a record of the current process is sent; of an exec also told_exec when it was. */
static __always_inline void tell(struct header *event, enum own own)
{
	if (!(options & OPTION_ALL_PROCESSES))
		tell_from(bpf_get_current_task_btf()->group_leader, event, own);
}

/* Those that an event names by their numbers, 0: nobody. Only programs of type tracing may look them up. */
struct others {
	struct header *event;
	__u32 numbers[3];
};

static int tell_other(__u32 i, struct others *others)
{
	struct task_struct *found;
	__u32 number;

	if (i > 2 || !bpf_ksym_exists(bpf_task_from_pid))
		return 1;
	number = others->numbers[i];
	if (!number || number == others->event->pid)
		return 0;
	found = bpf_task_from_pid(number);
	if (!found)
		return 0;
	tell_from(found->group_leader, others->event, ANOTHER);
	bpf_task_release(found);
	return 0;
}

/* Tells of a process by its number, and of the leaders of session and process group, which need be no ancestors. */
static __always_inline void tell_others(struct header *event, __u32 number)
{
	struct signal_struct *signal = current_task()->signal;
	struct others others = {.event = event, .numbers = {number}};

	if (options & OPTION_ALL_PROCESSES)
		return;
	if (options & OPTION_SESSIONS) {
		others.numbers[1] = pid_nr(signal->pids[PIDTYPE_SID], 0);
		others.numbers[2] = pid_nr(signal->pids[PIDTYPE_PGID], 0);
	}
	bpf_loop(3, tell_other, &others, 0);
}

static __always_inline void told_exec(struct header *event)
{
	struct task_struct *leader = bpf_get_current_task_btf()->group_leader;
	struct process *p = process_of(leader);
	struct now now;

	if (!p)
		return;
	p->known = 1;
	see_now(&now, p, leader, OWN);
	mark_told(p, &now, event->ts);
}

#endif
