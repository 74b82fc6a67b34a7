/* Gives filters the facts of the event's process and its ancestors: copies them from the cached context to behind the
 * record. */
#ifndef FALCOHOST_ABOUT_BPF_H
#define FALCOHOST_ABOUT_BPF_H

#include "context.bpf.h"
#include "view.bpf.h"

/* Offset of the texts in the record's memory, below RECORD_SIZE; a record that reaches it leaves all texts unknown. */
#define ABOUT_AT 22016
#define NAME_AT(i) (ABOUT_AT + 16 * (i))
#define TEXTS_AT(i) (ABOUT_AT + 16 * GENERATIONS + (EXE_KEPT + 2 * ARGS_KEPT + 32) * (i))
#define EXE_AT(i) (TEXTS_AT(i) + EXE_KEPT)
#define ARGS_AT(i) (EXE_AT(i) + ARGS_KEPT + 32) /* with room for the name before */

#ifndef OLDER
#define TEXT_AT(s, at, place) (place)
#else
/* The same, computed anew: Linux 5.8 does not know a number any more that was on the stack. */
static __always_inline __u8 *room_at(struct scratch *s, __u64 at)
{
	__u8 *text;

	asm volatile("%0 &= %1" : "+r"(at) : "i"(RECORD_SIZE - 1));
	text = s->record + at;
	barrier_var(text);
	return text;
}
#define TEXT_AT(s, at, place) room_at(s, at)
#endif

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
	__builtin_memset(facts->process, 0xff, sizeof(facts->process)); /* VIEW_UNKNOWN */
	__builtin_memset(facts->pids, 0xff, sizeof(facts->pids));
	facts->lineage = LINEAGE_UNKNOWN;
	facts->tty = facts->exe_flags = UNKNOWN_NUMBER;
	facts->caps_permitted = UNKNOWN_BITS;
}

static __always_inline bool is_whole(struct process *p, __u32 seq)
{
	return !(seq & 1) && READ_BEHIND(&p->seq) == seq;
}

/* setsid(2) takes the terminal away. */
static __always_inline void see_flags(struct facts *facts, struct process *p, struct task_struct *leader)
{
	__u32 sid = pid_nr(PID_OF(leader, PIDTYPE_SID), 0);

	facts->tty = sid == p->execed.sid ? p->execed.tty : 0;
	facts->exe_flags = p->execed.exe_flags | (p->execed.unconfined ? UNCONFINED : 0);
	facts->caps_permitted = p->execed.caps_permitted;
}

/* Replaces the zeros between arguments by blanks, eight bytes at a time. */
static __always_inline void set_blanks(__u64 *words, __u32 len)
{
	const __u64 low = 0x7f7f7f7f7f7f7f7fULL;

	for (__u32 i = 0; i < ARGS_KEPT / 8 && 8 * i < len; i++) {
		__u64 word = words[i];
		__u64 zeros = ~(((word & low) + low) | word) & ~low;

		words[i] = word | zeros >> 2;
	}
}

static __always_inline void see_process_text(struct facts *facts, __u32 i, enum process_text text, __u16 at, __u16 len)
{
	see_process(facts, VIEW_PROCESS_TEXTS + PROCESS_TEXTS * i + text, at, len);
}

/* Gives the beginning of arguments that are too long to be cached, without the zeroth. */
static __always_inline void see_begin_of_args(struct scratch *s, struct process *p, __u32 i)
{
	__u32 first = p->arg0_len, at = ARGS_AT(i);
	__u8 *args __attribute__((unused)) = s->record + ARGS_AT(i);

	barrier_var(first);
	if (first >= ARGS_KEPT - BEGIN_TOLD)
		return;
	bpf_probe_read_kernel(TEXT_AT(s, ARGS_AT(i), args), BEGIN_TOLD, p->args + first + 1);
	set_blanks((__u64 *)TEXT_AT(s, ARGS_AT(i), args), BEGIN_TOLD);
	see_process_text(&s->facts, i, TEXT_ARGS, at, VIEW_BEGIN);
	see_process_text(&s->facts, i, TEXT_CMDLINE, at - 1 - p->comm_len, VIEW_BEGIN);
}

static __always_inline void see_kept_args(struct scratch *s, struct process *p, __u32 i)
{
	__u32 first = p->arg0_len, len = p->args_len, comm_len = p->comm_len, at = ARGS_AT(i);
	__u8 *args __attribute__((unused)) = s->record + ARGS_AT(i);

	if (len && p->args[(len - 1) & (ARGS_KEPT - 1)] == 0)
		len--;
	if (first >= len) { /* it is the only one */
		see_process_text(&s->facts, i, TEXT_ARGS, at, 0);
		see_process_text(&s->facts, i, TEXT_CMDLINE, at - 1 - comm_len, comm_len);
		return;
	}
	len -= first + 1;
	barrier_var(len);
	if (len > ARGS_KEPT)
		return;
	bpf_probe_read_kernel(TEXT_AT(s, ARGS_AT(i), args), len, p->args + first + 1);
	set_blanks((__u64 *)TEXT_AT(s, ARGS_AT(i), args), len);
	see_process_text(&s->facts, i, TEXT_ARGS, at, len);
	see_process_text(&s->facts, i, TEXT_CMDLINE, at - 1 - comm_len, comm_len + 1 + len);
}

/* Gives the zeroth argument, and at ARGS_AT a blank and the others. The kernel terminates each with a zero. */
static __always_inline void see_args(struct scratch *s, struct process *p, __u32 i)
{
	__u32 first = p->arg0_len, comm_len = p->comm_len, shift = sizeof(p->comm);
	__u8 *args __attribute__((unused)) = s->record + ARGS_AT(i);

	barrier_var(first); /* or a copy of it is tested: keep_text */
	if (p->args_len == NOT_KEPT || first >= ARGS_KEPT - 1 || comm_len > sizeof(p->comm))
		return;
	bpf_probe_read_kernel(TEXT_AT(s, EXE_AT(i), s->record + EXE_AT(i)), first, p->args);
	see_process_text(&s->facts, i, TEXT_EXE, EXE_AT(i), first);
	shift -= comm_len;
	barrier_var(shift);
	if (shift > sizeof(p->comm))
		return;
	bpf_probe_read_kernel(TEXT_AT(s, ARGS_AT(i), args) - 1 - sizeof(p->comm) + shift, sizeof(p->comm), p->comm);
	TEXT_AT(s, ARGS_AT(i), args)[-1] = ' ';
	if (p->args_len > ARGS_KEPT)
		see_begin_of_args(s, p, i);
	else
		see_kept_args(s, p, i);
}

static __always_inline void see_texts(struct scratch *s, struct process *p, __u32 i)
{
	__u8 *path = TEXT_AT(s, TEXTS_AT(i), s->record + TEXTS_AT(i));
	__u32 len = p->exe_len;

	see_args(s, p, i);
	if (len > EXE_KEPT)
		return;
	bpf_probe_read_kernel(path, len, p->exe);
	if (!len || path[(len - 1) & (EXE_KEPT - 1)] != ')') /* " (deleted)" is not shown */
		see_process_text(&s->facts, i, TEXT_EXEPATH, TEXTS_AT(i), len);
}

static __always_inline void see_no_texts(struct facts *facts, __u32 i, __u16 len)
{
	for (int text = 0; text < PROCESS_TEXTS; text++)
		see_process_text(facts, i, text, 0, len);
}

struct lineage_walk {
	struct task_struct *leader;
	struct scratch *s;
	__u32 first; /* the generation that is seen first */
	__u32 texts; /* of so many generations */
};

/* One step of the walk: the process itself, its parent, and so on. */
static int lineage_step(__u32 step, struct lineage_walk *lineage)
{
	struct task_struct *leader = TYPED(struct task_struct, lineage->leader);
	struct process *p = process_of(leader);
	struct scratch *s = lineage->s;
	__u32 pid = TASK(leader, tgid), seq, i = lineage->first + step;
#ifdef OLDER
	__u32 at;
#endif

	barrier_var(i);
	if (i >= GENERATIONS) {
		if (pid)
			s->facts.lineage = LINEAGE_LONGER;
		return 1;
	}
	s->facts.pids[i] = pid;
	if (!pid) { /* and so has no parent */
		see_process(&s->facts, VIEW_PROCESS_NAME + i, 0, VIEW_ABSENT);
		see_no_texts(&s->facts, i, VIEW_ABSENT);
		return 0;
	}
	lineage->leader = parent_of(leader);
	if (!p || !p->has_image)
		return 0;
	seq = p->seq;
#ifdef OLDER /* Linux 5.8 computes wrong bounds of a number with constant bits in it */
	at = NAME_AT(i) - ABOUT_AT;
	barrier_var(at);
	if (at > NAME_AT(GENERATIONS - 1) - ABOUT_AT)
		return 1;
	bpf_probe_read_kernel(s->record + ABOUT_AT + at, sizeof(p->comm), p->comm);
#else
	bpf_probe_read_kernel(s->record + NAME_AT(i), sizeof(p->comm), p->comm);
#endif
	if (i < lineage->texts)
		see_texts(s, p, i);
	if (i == 0)
		see_flags(&s->facts, p, leader);
	if (is_whole(p, seq))
		see_process(&s->facts, VIEW_PROCESS_NAME + i, NAME_AT(i), p->comm_len);
	else
		see_no_texts(&s->facts, i, VIEW_UNKNOWN);
	return 0;
}

/* Gives the facts of one generation after the other, up to the one before end. */
static __always_inline void see_generations(struct scratch *s, struct task_struct *leader, __u32 about, __u32 first, __u32 end)
{
	struct lineage_walk lineage = {.leader = leader, .s = s, .first = first, .texts = about >> ABOUT_TEXTS_AT};

	LOOP(GENERATIONS, end - first, lineage_step, &lineage);
}

/* Whether the record leaves room for the texts; a name of the file may follow it. */
static __always_inline bool has_room_about(struct scratch *s)
{
	return s->pos <= ABOUT_AT - CHUNK - sizeof(struct section);
}

/* Below the texts of processes: room for the requested name (file_names.bpf.h), and below that for the environment. */
#define REQUESTED_AT (ABOUT_AT - CHUNK)
#define ENVIRONMENT_AT (REQUESTED_AT - CHUNK)

/* Gives filters that ask for it the environment with which the process was started, if it was cached then. */
static __always_inline void see_environment(struct scratch *s)
{
	struct task_struct *leader = leader_of(current_task());
	struct process *p = process_of(leader);
	struct large_image *large;
	__u32 len, seq;

	if (!p || !p->has_image || !p->large || s->pos > ENVIRONMENT_AT - CHUNK - sizeof(struct section))
		return;
	seq = p->seq;
	large = large_image_of(leader);
	if (!large)
		return;
	len = large->env_len;
	barrier_var(len);
	if (!len || len > CHUNK || p->execed.env_size > CHUNK || bpf_probe_read_kernel(s->record + ENVIRONMENT_AT, len, large->env))
		return;
	if (is_whole(p, seq))
		s->facts.environment = (struct view){ENVIRONMENT_AT, len};
}

/* Gives filters the facts of the current process. */
static __always_inline void see_own_process(struct scratch *s, __u32 about)
{
	know_no_process(&s->facts);
	if (about && has_room_about(s))
		see_generations(s, leader_of(current_task()), about, 0, 1);
}

/* Gives filters the facts of its ancestors. */
static __always_inline void see_ancestors(struct scratch *s, __u32 about)
{
	__u32 names = about & ABOUT_NAMES, texts = about >> ABOUT_TEXTS_AT, end = names > texts ? names : texts;

	if (end < 2 || !has_room_about(s))
		return;
	if (names > GENERATIONS)
		s->facts.lineage = LINEAGE_WHOLE;
	see_generations(s, parent_of(leader_of(current_task())), about, 1, end);
}

#endif
