/* Caches the context of each process, from exec to exec. tell.bpf.h sends it to user space. */
#ifndef FALCOHOST_CONTEXT_BPF_H
#define FALCOHOST_CONTEXT_BPF_H

#include "execed.bpf.h"
#include "large_images.bpf.h"

/* By pid. User space sets max_entries before loading. Preallocated, since that makes forks cheapest. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct process);
} processes SEC(".maps");

/* Those for which that has no room, so that nobody can fill it for others. User space sets max_entries. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct process);
} further_processes SEC(".maps");

/* Whether there is or was one of these: looking for them costs others nothing. */
static volatile __u32 has_further;

static const struct process no_process;

#ifndef OLDER
/* One for each CPU: the memory in which context records are built. User space sets max_entries before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} context_scratches SEC(".maps");
#endif

/* Counts changes of processes whose context was sent: while it does not change, what was sent is still true. */
SEC(".data.generation") volatile __u64 generation;

static __always_inline struct task_struct *leader_of(struct task_struct *task)
{
	return TYPED(struct task_struct, OF(task, group_leader));
}

static __always_inline struct task_struct *parent_of(struct task_struct *leader)
{
	return TYPED(struct task_struct, TASK(TASK(leader, real_parent), group_leader));
}

static __always_inline struct process *process_with(__u32 pid)
{
	struct process *p = bpf_map_lookup_elem(&processes, &pid);

	return p || !has_further ? p : bpf_map_lookup_elem(&further_processes, &pid);
}

static __always_inline struct process *add_process(__u32 pid, const struct process *p)
{
	if (bpf_map_update_elem(&processes, &pid, p, BPF_ANY) == 0)
		return bpf_map_lookup_elem(&processes, &pid);
	has_further = 1;
	bpf_map_update_elem(&further_processes, &pid, p, BPF_ANY);
	return bpf_map_lookup_elem(&further_processes, &pid);
}

static __always_inline struct process *process_of(struct task_struct *leader)
{
	__u32 pid = TASK(leader, tgid);
	__u64 start = TASK(leader, start_boottime);
	struct process *p = process_with(pid);

	if (!p)
		return NULL;
	if (!p->start)
		p->start = p->told_of = start;
	return p->start == start ? p : NULL;
}

/* Whether a thread of the process is left. */
static __always_inline bool lives(struct task_struct *task)
{
	return READ(struct signal_struct, TASK(task, signal), live.counter) != 0;
}

static __always_inline struct process *process_or_new(struct task_struct *leader)
{
	struct process *p = process_of(leader);
	__u32 pid = TASK(leader, tgid);

	if (p || !lives(leader))
		return p;
	p = add_process(pid, &no_process);
	if (p) {
		p->start = TASK(leader, start_boottime);
		p->seq = 2;
	}
	return p;
}

static __always_inline void forget(__u32 pid)
{
	struct process *p = process_with(pid);

	if (p && p->large)
		forget_image(pid);
	if (bpf_map_delete_elem(&processes, &pid) && has_further)
		bpf_map_delete_elem(&further_processes, &pid);
}

static __always_inline void keep_comm(struct process *p, struct task_struct *task)
{
	long len = bpf_probe_read_kernel_str(p->comm, sizeof(p->comm), task->comm);

	p->comm_len = len > 0 ? len - 1 : 0;
}

/* There is no room for its long texts: they are read in /proc. */
static __always_inline void lack_image(struct process *p)
{
	p->large = 0;
	if (p->exe_len > EXE_KEPT)
		p->exe_len = NOT_KEPT;
	if (p->args_len > ARGS_KEPT)
		p->args_len = NOT_KEPT;
}

/* A new process starts with its creator's context, under the name of the thread that created it. */
static __always_inline struct process *keep_fork(struct task_struct *maker, struct task_struct *child)
{
	struct process *p = process_of(maker), *c;
	struct large_image *large;
	__u32 pid = OF(child, tgid);

	if (!p)
		return NULL;
	c = add_process(pid, p);
	if (!c)
		return NULL;
	c->start = OF(child, start_boottime);
	c->known = 0;
	c->told_of = 0;
	c->checked = 0;
	c->named = 0;
	keep_comm(c, child);
	large = p->large ? large_image_of(maker) : NULL;
	if (large && !add_image(pid, GIVE_AS(large, TASK(maker, tgid)), cgroup_key(current_task())))
		lack_image(c);
	return c;
}

/* Where a section is in the record that is being built. */
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
	struct large_image *large;

	if (!add_image(OF(task, tgid), GIVE_AS(NULL, 0), s->header.cgroup))
		return false;
	large = large_image_of(task);
	if (!large)
		return false;
	bpf_probe_read_kernel(large->exe, CHUNK, bytes_at(s, exe));
	bpf_probe_read_kernel(large->args, CHUNK, bytes_at(s, args));
	bpf_probe_read_kernel(large->env, CHUNK, bytes_at(s, env));
	large->env_len = env.len;
	return true;
}

/* Caches the beginning of a text; the rest of longer texts is cached elsewhere, or not at all. */
static __always_inline void keep_text(char *to, __u32 room, struct scratch *s, struct place text)
{
	__u32 len = text.len;

	barrier_var(len); /* or a copy of it is tested, which the verifier of 6.1 does not take for the same */
	if (len > room)
		len = room;
	BOUND(len, room);
	bpf_probe_read_kernel(to, len, bytes_at(s, text));
}

/* The number, of which the verifier knows nothing any more: else it follows what comes next for each that it has seen. */
static __always_inline __u32 any_number(struct scratch *s, __u32 number)
{
	*(volatile __u32 *)&s->address = number; /* which only calls use */
	return *(volatile __u32 *)&s->address;
}

/* Caches the context that an exec has made, from the record. */
static __always_inline void keep_exec(struct scratch *s, struct task_struct *task, struct place execed, struct place exe,
				      struct place args, struct place env)
{
	struct process *p;

	exe.len = any_number(s, exe.len);
	args.at = any_number(s, args.at);
	args.len = any_number(s, args.len);
	env.at = any_number(s, env.at);
	env.len = any_number(s, env.len);
	p = process_or_new(task);
	if (!p)
		return;
	if (p->large)
		forget_image(OF(task, tgid));
	p->large = (exe.len > EXE_KEPT || args.len > ARGS_KEPT || env.len) && keep_large(s, task, exe, args, env);
	__sync_fetch_and_add(&p->seq, 1);
	p->exec_ts = s->header.ts;
	p->exe_len = p->large || exe.len <= EXE_KEPT ? exe.len : NOT_KEPT;
	p->args_len = !args.len || (args.len > ARGS_KEPT && !p->large) ? NOT_KEPT : args.len;
	keep_comm(p, task);
	bpf_probe_read_kernel(&p->execed, sizeof(p->execed), bytes_at(s, execed));
	keep_text(p->exe, EXE_KEPT, s, exe);
	p->arg0_len = bpf_probe_read_kernel_str(p->args, ARGS_KEPT, bytes_at(s, args)) - 1; /* and then the others */
	keep_text(p->args, ARGS_KEPT, s, args);
	p->has_image = 1;
	__sync_fetch_and_add(&p->seq, 1);
	if (p->known)
		__sync_fetch_and_add(&generation, 1);
}

#endif
