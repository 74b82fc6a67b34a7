/* What filters are told of the process of an event and of its ancestors: copied behind the record, from what the kernel
 * keeps of them. */
#ifndef FALCOHOST_ABOUT_BPF_H
#define FALCOHOST_ABOUT_BPF_H

#include "context.bpf.h"
#include "view.bpf.h"

/* Where the texts are in the record's memory; a record that reaches so far leaves all unknown. */
#define ABOUT_AT 24576
#define NAME_AT(i) (ABOUT_AT + 16 * (i))
#define TEXTS_AT(parent) (ABOUT_AT + 256 + 2048 * (parent))
#define EXE_AT(parent) (TEXTS_AT(parent) + EXE_KEPT)
#define ARGS_AT(parent) (EXE_AT(parent) + ARGS_KEPT + 32) /* with room for the name before */

static __always_inline void see_process(struct facts *facts, __u32 index, __u16 at, __u16 len)
{
	barrier_var(index);
	if (index >= PROCESS_VIEWS)
		return;
	facts->process[index].at = at;
	facts->process[index].len = len;
}

static __always_inline void know_no_process(struct facts *facts)
{
	for (int i = 0; i < PROCESS_VIEWS; i++)
		facts->process[i] = (struct view){0, VIEW_UNKNOWN};
	facts->lineage = LINEAGE_UNKNOWN;
	facts->tty = facts->exe_flags = UNKNOWN_NUMBER;
}

static __always_inline bool is_whole(struct process *p, __u32 seq)
{
	return !(seq & 1) && __sync_fetch_and_add(&p->seq, 0) == seq;
}

/* Setsid(2) takes the terminal away. */
static __always_inline void see_flags(struct facts *facts, struct process *p, struct task_struct *leader)
{
	__u32 sid = pid_nr(leader->signal->pids[PIDTYPE_SID], 0);

	facts->tty = sid == p->execed.sid ? p->execed.tty : 0;
	facts->exe_flags = p->execed.exe_flags;
}

/* Blanks instead of the zeros that are between arguments, eight bytes at a time. */
static __always_inline void set_blanks(__u64 *words)
{
	const __u64 low = 0x7f7f7f7f7f7f7f7fULL;

	for (int i = 0; i < ARGS_KEPT / 8; i++) {
		__u64 word = words[i];
		__u64 zeros = ~(((word & low) + low) | word) & ~low;

		words[i] = word | zeros >> 2;
	}
}

/* The zeroth argument; the others at ARGS_AT, a blank and the name before them. The kernel ends each with a zero. */
static __always_inline void see_args(struct scratch *s, struct process *p, __u32 parent, __u32 view)
{
	__u32 first = p->arg0_len, len = p->args_len, comm_len = p->comm_len, at = ARGS_AT(parent);
	__u32 shift = sizeof(p->comm);
	__u8 *args = s->record + ARGS_AT(parent);

	if (len > ARGS_KEPT || first >= ARGS_KEPT - 1 || comm_len > sizeof(p->comm))
		return;
	bpf_probe_read_kernel(s->record + EXE_AT(parent), ARGS_KEPT, p->args);
	shift -= comm_len;
	barrier_var(shift);
	if (shift > sizeof(p->comm))
		return;
	bpf_probe_read_kernel(args - 1 - sizeof(p->comm) + shift, sizeof(p->comm), p->comm);
	args[-1] = ' ';
	bpf_probe_read_kernel(args, ARGS_KEPT, p->args + first + 1);
	if (len && p->args[(len - 1) & (ARGS_KEPT - 1)] == 0)
		len--;
	see_process(&s->facts, view + 1, EXE_AT(parent), first);
	if (first >= len) { /* it is the only one */
		see_process(&s->facts, view + 2, at, 0);
		see_process(&s->facts, view + 3, at - 1 - comm_len, comm_len);
		return;
	}
	len -= first + 1;
	set_blanks((__u64 *)args);
	see_process(&s->facts, view + 2, at, len);
	see_process(&s->facts, view + 3, at - 1 - comm_len, comm_len + 1 + len);
}

static __always_inline void see_texts(struct scratch *s, struct process *p, __u32 parent)
{
	__u32 view = parent ? VIEW_PARENT_EXEPATH : VIEW_SELF_EXEPATH, len = p->exe_len;
	__u8 *path = s->record + TEXTS_AT(parent);

	bpf_probe_read_kernel(path, EXE_KEPT, p->exe);
	if (len <= EXE_KEPT && (!len || path[(len - 1) & (EXE_KEPT - 1)] != ')')) /* " (deleted)" is not shown */
		see_process(&s->facts, view, TEXTS_AT(parent), len);
	see_args(s, p, parent, view);
}

static __always_inline void see_no_texts(struct facts *facts, __u32 parent, __u16 len)
{
	for (int i = 0; i < 4; i++)
		see_process(facts, (parent ? VIEW_PARENT_EXEPATH : VIEW_SELF_EXEPATH) + i, 0, len);
}

struct lineage_walk {
	struct task_struct *leader;
	struct scratch *s;
	__u32 about;
};

/* The process itself, its parent, and so on, one by one. */
static int lineage_step(__u32 i, struct lineage_walk *lineage)
{
	struct task_struct *leader = TYPED(struct task_struct, lineage->leader);
	struct process *p = process_of(leader);
	struct scratch *s = lineage->s;
	__u32 seq;

	if (leader->tgid == 0) { /* and so has no parent */
		if (i < VIEW_PROCESS_TEXTS)
			see_process(&s->facts, VIEW_PROCESS_NAME + i, 0, VIEW_ABSENT);
		if (i == 1)
			see_no_texts(&s->facts, 1, VIEW_ABSENT);
		return 0;
	}
	lineage->leader = parent_of(leader);
	barrier_var(i);
	if (i >= VIEW_PROCESS_TEXTS) {
		s->facts.lineage = LINEAGE_LONGER;
		return 1;
	}
	if (!p || !p->has_image)
		return 0;
	seq = p->seq;
	bpf_probe_read_kernel(s->record + NAME_AT(i), sizeof(p->comm), p->comm);
	if (i < 2 && lineage->about & (i ? ABOUT_PARENT_TEXTS : ABOUT_SELF_TEXTS))
		see_texts(s, p, i);
	if (i == 0)
		see_flags(&s->facts, p, leader);
	if (is_whole(p, seq))
		see_process(&s->facts, VIEW_PROCESS_NAME + i, NAME_AT(i), p->comm_len);
	else if (i < 2)
		see_no_texts(&s->facts, i, VIEW_UNKNOWN);
	return 0;
}

/* Fills what filters are told of the current process and of those above it. */
static __always_inline void see_lineage(struct scratch *s, __u32 about)
{
	struct lineage_walk lineage = {.leader = leader_of(current_task()), .s = s, .about = about};
	__u32 steps = 1;

	know_no_process(&s->facts);
	if (!about || s->pos > ABOUT_AT - CHUNK - sizeof(struct section)) /* a name of the file may lie behind the record */
		return;
	if (about & (ABOUT_PARENT | ABOUT_PARENT_TEXTS))
		steps = 2;
	if (about & ABOUT_ANCESTORS) {
		steps = VIEW_PROCESS_TEXTS + 1;
		s->facts.lineage = LINEAGE_WHOLE;
	}
	bpf_loop(steps, lineage_step, &lineage, 0);
}

#endif
