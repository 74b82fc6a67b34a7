/* Sends the cached context of a process before the first event that needs it, and only then. */
#ifndef FALCOHOST_TELL_BPF_H
#define FALCOHOST_TELL_BPF_H

#include "context.bpf.h"

#define MAX_GENERATIONS 64 /* ancestors that are told of */

/* The context that would be sent of a process now. */
struct now {
	__u64 own_start, start, cwd[2];
	__u32 seq, ppid, sid, pgid;
};

/* Nearly without branches, since the verifier follows each path through them. What is not asked for is 0. */
static __always_inline void see_now(struct now *now, struct process *p, struct task_struct *leader, __u32 own)
{
	struct task_struct *task = leader;
	struct task_struct *parent = parent_of(task);
	__u32 sessions = !!(options & OPTION_SESSIONS);

	now->own_start = p->start;
	now->seq = p->seq;
	now->start = TASK(parent, start_boottime);
	now->ppid = TASK(parent, tgid);
	now->sid = sessions * pid_nr(PID_OF(task, PIDTYPE_SID), 0);
	now->pgid = sessions * pid_nr(PID_OF(task, PIDTYPE_PGID), 0);
	now->cwd[0] = now->cwd[1] = 0;
	if (own && options & OPTION_EXEC_CWD)
		bpf_probe_read_kernel(now->cwd, sizeof(now->cwd), &TASK(task, fs)->pwd);
}

static __always_inline bool is_as_told(struct process *p, struct now *now)
{
	__u64 other = (p->told_start ^ now->start) | (p->told_of ^ p->start);

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
	p->told_of = now->own_start;
}

/* Appends len bytes of the context. */
static __always_inline void put_kept(struct scratch *s, __u16 tag, const void *kept, __u32 len)
{
	void *room = section_room(s);

	barrier_var(len);
	if (!room || !len)
		return;
	barrier_var(len); /* or both tests become one, which the verifier of 6.12 does not follow */
	if (len > CHUNK)
		return;
	if (bpf_probe_read_kernel(room, len, kept) == 0)
		end_section(s, tag, len);
}

static __always_inline void put_large(struct scratch *s, struct process *p, __u32 pid)
{
	struct large_image *large = p->large ? bpf_map_lookup_elem(&large_images, &pid) : NULL;

	if (!large)
		return;
	put_kept(s, SEC_EXE, large->exe, p->exe_len);
	put_kept(s, SEC_ARGS, large->args, p->args_len);
	put_kept(s, SEC_ENV, large->env, large->env_len);
}

/* The cached context, with the present session and group if they are sent. */
static __always_inline void put_process(struct scratch *s, struct process *p, struct task_struct *leader)
{
	struct process *copy = section_room(s);

	if (!copy)
		return;
	bpf_probe_read_kernel(copy, sizeof(*copy), p);
	if (leader) {
		read_groups(&copy->execed, leader);
		if (copy->execed.sid != p->execed.sid)
			copy->execed.tty = 0; /* setsid(2) */
	}
	end_section(s, SEC_PROCESS, sizeof(*copy));
	put_large(s, p, s->header.pid);
}

/* Sends the present context of one process; the record's time is before that of the event. */
static __always_inline bool tell_now(struct process *p, struct task_struct *leader, struct now *now, __u64 ts)
{
	struct task_struct *task = leader;
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = bpf_map_lookup_elem(&context_scratches, &cpu);

	if (!s) {
		count_lost(LOST_SCRATCH);
		return false;
	}
	start_record(s, KIND_TASK);
	fill_ids(&s->header, task);
	bpf_probe_read_kernel(s->header.comm, sizeof(s->header.comm), task->comm);
	s->header.pid = TASK(task, tgid);
	s->header.tid = TASK(task, pid);
	s->header.ts = ts;
	s->header.args[0] = now->start;
	if (p->has_image)
		put_process(s, p, leader);
	if (now->cwd[1])
		put_path(s, SEC_CWD, task, &TASK(task, fs)->pwd);
	p->known = 1;
	if (!submit(s, &proc_ring, LOST_PROC_RING_FULL))
		return false;
	mark_told(p, now, ts);
	return true;
}

/* The position of the walk up from a process. */
struct telling {
	struct task_struct *leader;
	struct header *event;
	__u64 since;  /* the generation when it began */
	__u64 latest; /* time of the latest record of those that told of what was passed */
	__u32 own;    /* enum own of the next */
	__u32 fragile; /* something is about to change, or could not be told */
};

/* Whether it is the event's process; an exec's record describes its process itself. */
enum own { ANOTHER, OWN, OWN_EXEC };

/* Sends the context of one process if that is needed; true if none is needed of its ancestors. */
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
	struct task_struct *leader = TYPED(struct task_struct, t->leader);
	struct process *p = process_or_new(leader);
	struct task_struct *parent = parent_of(leader);
	__u32 own = t->own;

	t->own = ANOTHER;
	t->leader = parent;
	if (!p || !lives(parent))
		t->fragile = 1;
	return (p && tell_one(t, p, leader, own)) || TASK(parent, tgid) == 0;
}

/* Sends the contexts of a process and its ancestors that have changed since, and makes the event's time later than theirs. */
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

/* The leader of a session or process group need not be an ancestor. */
static __always_inline struct task_struct *leader_by(struct task_struct *task, enum pid_type type)
{
	struct pid *pid = READ(struct signal_struct, TASK(task, signal), pids[type]);
	void *link = READ(struct pid, pid, tasks[PIDTYPE_TGID].first);

	return link ? TYPED(struct task_struct, link - bpf_core_field_offset(struct task_struct, pid_links[PIDTYPE_TGID]))
		    : NULL;
}

struct needing {
	struct header *event;
	__u32 own;
};

/* The process itself, then the leaders of its session and of its process group. */
static int tell_target(__u32 i, struct needing *needing)
{
	struct task_struct *own = leader_of(current_task()), *target = own;

	if (i)
		target = leader_by(own, i == 1 ? PIDTYPE_SID : PIDTYPE_PGID);
	if (target)
		tell_from(target, needing->event, i ? ANOTHER : needing->own);
	return !(options & OPTION_SESSIONS);
}

/* Sends the context of a process that an event refers to by pid, without its parent. */
static __always_inline void tell_number(struct header *event, __s32 number)
{
	__u32 pid = number, cpu = bpf_get_smp_processor_id();
	struct process *p = bpf_map_lookup_elem(&processes, &pid);
	struct scratch *s;
	__u64 named;

	if (number <= 0 || pid == event->pid || !p || !p->has_image)
		return;
	named = p->start + p->seq;
	if (p->named == named || (p->told_of == p->start && p->told_seq == p->seq))
		return;
	s = bpf_map_lookup_elem(&context_scratches, &cpu);
	if (!s)
		return count_lost(LOST_SCRATCH);
	start_record(s, KIND_TASK);
	s->header.pid = s->header.tid = s->header.vpid = s->header.vtid = pid;
	s->header.ppid = 0;
	s->header.start = p->start;
	s->header.ts = event->ts - 1;
	put_process(s, p, NULL);
	p->known = 1;
	if (submit(s, &proc_ring, LOST_PROC_RING_FULL))
		p->named = named;
}

/* Has to be called before a record of the current process is sent; after an exec also told_exec, once it was sent. number: the
 * process that the event refers to, if any. */
GLOBAL int tell(struct header *event, __u32 own, __s32 number)
{
	struct needing needing = {.event = event, .own = own};

	if (!event || options & OPTION_ALL_PROCESSES)
		return 0;
	bpf_loop(3, tell_target, &needing, 0);
	tell_number(event, number);
	return 0;
}

static __always_inline void told_exec(struct header *event)
{
	struct task_struct *leader = leader_of(current_task());
	struct process *p = process_of(leader);
	struct now now;

	if (!p)
		return;
	p->known = 1;
	see_now(&now, p, leader, OWN);
	mark_told(p, &now, event->ts);
}

#endif
