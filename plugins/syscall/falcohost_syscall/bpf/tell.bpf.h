/* Sends the cached context of a process before the first event that needs it, and only then. */
#ifndef FALCOHOST_TELL_BPF_H
#define FALCOHOST_TELL_BPF_H

#include "more.bpf.h"

#define MAX_GENERATIONS 64 /* ancestors that are told of */

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

static __always_inline enum account account_of_context(struct header *event)
{
	return event->kind == KIND_CALL && is_doubtful(event) ? OF_MORE : OF_PROCESSES;
}

enum sent { NOT_SENT, SENT, REFUSED };

/* Sends the present context of one process; the record's time is before that of the event, whose process pays for it. REFUSED:
 * that has spent its budget. */
GLOBAL int tell_now(SCRATCH(s), BY_NUMBER(struct process, p), __u64 leader, EVENT(event))
{
	TAKE_SCRATCH(s);
	TAKE(struct process, p, process_of((void *)leader));
	TAKE_EVENT(event);
	struct task_struct *task = TYPED(struct task_struct, (void *)leader);
	struct now *now;
	__u8 known;

	if (!s || !p || !event)
		return NOT_SENT;
	now = &s->now;
	known = p->known;
	start_record(s, KIND_TASK);
	fill_ids(&s->header, task);
	bpf_probe_read_kernel(s->header.comm, sizeof(s->header.comm), task->comm);
	s->header.pid = TASK(task, tgid);
	s->header.tid = TASK(task, pid);
	s->header.ts = event->ts - 1;
	s->header.args[0] = now->start;
	if (p->has_image)
		put_process(s, p, task);
	if (now->cwd[1])
		put_path(s, SEC_CWD, task, &TASK(task, fs)->pwd);
	p->known = 1;
	if (!has_room(event, &proc_ring, s->pos, account_of_context(event))) {
		p->known = known;
		return REFUSED;
	}
	if (!submit(s, &proc_ring, LOST_PROC_RING_FULL)) {
		p->known = known;
		return NOT_SENT;
	}
	mark_told(p, now, s->header.ts);
	return SENT;
}

/* The position of the walk up from a process. */
struct telling {
	struct task_struct *leader;
	EVENT(event);
	__u64 since;  /* the generation when it began */
	__u64 latest; /* time of the latest record of those that told of what was passed */
	__u32 own;    /* enum own of the next */
	__u32 fragile; /* something is about to change, or could not be told */
	__u32 refused; /* the event's process has spent its budget */
};

/* Whether it is the event's process; an exec's record describes its process itself. */
enum own { ANOTHER, OWN, OWN_EXEC };

/* Sends the context of one process if that is needed; true if none is needed of its ancestors. */
static __always_inline bool tell_one(struct telling *t, struct process *p, struct task_struct *leader, __u32 own)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = CONTEXT_SCRATCH(cpu);
	bool told;
	int sent;

	if (!s) {
		count_lost(LOST_SCRATCH);
		t->fragile = 1;
		return true;
	}
	see_now(&s->now, p, leader, own);
	told = is_as_told(p, &s->now);
	if (told && p->checked == t->since && !(options & OPTION_SESSIONS)) {
		if (p->checked_ts > t->latest)
			t->latest = p->checked_ts;
		return true;
	}
	if (!told && own != OWN_EXEC) {
		sent = tell_now(GIVE(s), GIVE_AS(p, 0), NUMBER(struct task_struct, leader, group_leader), KEPT_EVENT(t));
		t->fragile |= sent != SENT;
		t->refused |= sent == REFUSED;
	}
	if (p->told_ts > t->latest)
		t->latest = p->told_ts;
	return false;
}

STEP_WITH(tell_step, struct telling, t)
{
	struct task_struct *leader = TYPED(struct task_struct, t->leader);
	struct process *p = process_or_new(leader);
	struct task_struct *parent = parent_of(leader);
	__u32 own = t->own;

	t->own = ANOTHER;
	t->leader = parent;
	if (!p || !lives(parent))
		t->fragile = 1;
	return (p && tell_one(t, p, leader, own)) || t->refused || TASK(parent, tgid) == 0;
}

/* Sends the contexts of a process and its ancestors that have changed since, and makes the event's time later than theirs. False: the
 * event's process has spent its budget. */
GLOBAL int tell_from(__u64 from, EVENT(event), __u32 own)
{
	TAKE_EVENT(event);
	struct task_struct *leader = TYPED(struct task_struct, (void *)from);
	struct telling t = {.leader = leader, EVENT_IS(event), .own = own, .since = generation};
	struct process *p;

	if (!event)
		return true;
	LOOP_WITH(MAX_GENERATIONS, MAX_GENERATIONS, tell_step, t);
	if (event->ts <= t.latest)
		event->ts = t.latest + 1;
	p = process_of(leader);
	if (!p || t.fragile || own == OWN_EXEC)
		return !t.refused;
	p->checked_ts = t.latest;
	p->checked = t.since;
	return true;
}

/* The leader of a session or process group need not be an ancestor. */
static __always_inline __u64 leader_by(__u64 pid)
{
	__u64 link = pid ? NUMBER(struct pid, pid, tasks[PIDTYPE_TGID].first) : 0;

	return link ? link - bpf_core_field_offset(struct task_struct, pid_links[PIDTYPE_TGID]) : 0;
}

/* Tells of the process itself, and of the leaders of its session and of its process group. */
static __always_inline bool tell_all(struct header *event, __u32 own)
{
	struct task_struct *leader = leader_of(current_task());
	__u64 session, group;

	if (!tell_from(NUMBER(struct task_struct, leader, group_leader), GIVE_EVENT(event), own))
		return false;
	if (!(options & OPTION_SESSIONS))
		return true;
	session = leader_by(PID_OF(leader, PIDTYPE_SID));
	group = leader_by(PID_OF(leader, PIDTYPE_PGID));
	return (!session || tell_from(session, GIVE_EVENT(event), ANOTHER)) && (!group || tell_from(group, GIVE_EVENT(event), ANOTHER));
}

/* Sends the context of a process that an event refers to by pid, without its parent. */
static __always_inline void tell_number(struct header *event, __s32 number)
{
	__u32 pid = number, cpu = bpf_get_smp_processor_id();
	struct process *p = process_with(pid);
	struct scratch *s;
	__u64 named;
	__u8 known;

	if (number <= 0 || pid == event->pid || !p || !p->has_image)
		return;
	named = p->start + p->seq;
	if (p->named == named || (p->told_of == p->start && p->told_seq == p->seq))
		return;
	s = CONTEXT_SCRATCH(cpu);
	if (!s)
		return count_lost(LOST_SCRATCH);
	start_record(s, KIND_TASK);
	s->header.pid = s->header.tid = s->header.vpid = s->header.vtid = pid;
	s->header.ppid = 0;
	s->header.start = p->start;
	s->header.ts = event->ts - 1;
	put_process(s, p, NULL);
	known = p->known;
	p->known = 1;
	if (has_room(event, &proc_ring, s->pos, account_of_context(event)) && submit(s, &proc_ring, LOST_PROC_RING_FULL))
		p->named = named;
	else
		p->known = known;
}

/* When the current process was given the program that user space does not know yet; 0: it knows it. */
static __always_inline __u64 untold_exec(void)
{
	struct process *p = process_of(leader_of(current_task()));

	if (!p || !p->has_image || (p->told_of == p->start && p->told_seq == p->seq))
		return 0;
	return p->exec_ts;
}

/* Has to be called before a record of the current process is sent; after an exec also told_exec, once it was sent. number: the
 * process that the event refers to, if any. False: the process has spent its budget, so the record is not to be sent. */
GLOBAL int tell(EVENT(event), __u32 own, __s32 number)
{
	TAKE_EVENT(event);
	__u64 untold;

	if (!event || options & OPTION_ALL_PROCESSES)
		return true;
	untold = own == OWN ? untold_exec() : 0;
	if (!tell_all(event, own))
		return false;
	if (untold)
		send_more(GIVE_EVENT(event), untold);
	tell_number(event, number);
	return true;
}

static __always_inline void told_exec(struct header *event)
{
	struct task_struct *leader = leader_of(current_task());
	struct process *p = process_of(leader);
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = CONTEXT_SCRATCH(cpu);

	if (!p || !s)
		return;
	p->known = 1;
	see_now(&s->now, p, leader, OWN);
	mark_told(p, &s->now, event->ts);
}

#endif
