/* While functions are being attached, the tracepoint stays attached too, so that no call is missed in which a thread already
 * waits: its function's program does not run for it. Each call is reported by one of the two. A function's program claims
 * what it has seen for the thread; when the call returns, the tracepoint reports only what is not claimed. */
#ifndef FALCOHOST_HANDOVER_BPF_H
#define FALCOHOST_HANDOVER_BPF_H

#include "scratch.bpf.h"

struct thread {
	__u32 claimed; /* in which hand-over the call was claimed that it is about to return from: its number, from 2 on */
	__u32 waits;   /* it may be in a call that was under way when its function was attached */
};

OF_THREADS(threads, struct thread);

/* The state, in the last bits, and the number of the handover; 0: there is none. */
enum {
	HANDOVER_CLAIMS = 1, /* it begins: calls are claimed from now on, and a moment ago they were not */
	HANDOVER_ALL = 2,    /* any thread may be in a call that only the tracepoint tells */
	HANDOVER_SOME = 3,   /* those of may_wait may be */
	HANDOVER_BITS = 2,
};
SEC(".data.handover") volatile __u32 handover;

/* Which threads wait, by the last bits of their ids. */
SEC(".data.may_wait") volatile __u8 may_wait[WAITING_HINTS];

static __always_inline bool goes_on(__u32 what)
{
	return (handover & ((1 << HANDOVER_BITS) - 1)) == what;
}

static __always_inline bool concerns(struct task_struct *task)
{
	return handover && (!goes_on(HANDOVER_SOME) || may_wait[OF(task, pid) & (WAITING_HINTS - 1)]);
}

static __always_inline void claim(void)
{
	struct thread *thread = OWN_OR_NEW(threads);

	if (thread)
		thread->claimed = handover >> HANDOVER_BITS;
}

/* Whether the tracepoint reports the call from which the thread now returns. Claims left by an earlier handover do not
 * count, except in the moment in which the next one begins. */
static __always_inline bool is_left(bool by_function)
{
	struct thread *thread = OWN(threads);
	__u32 number = handover >> HANDOVER_BITS, claimed = 0;
	bool begins = goes_on(HANDOVER_CLAIMS), waits = false;

	if (thread) {
		claimed = thread->claimed;
		waits = thread->waits;
		thread->claimed = thread->waits = 0;
	}
	if (claimed == number || (begins && claimed == number - 1))
		return false;
	return !begins || !by_function || waits;
}

/* Whether a call in use is reported at the place where it is seen now. */
static __always_inline bool is_told_here(struct call_spec *spec, struct task_struct *task, bool by_function)
{
	bool shown = spec->want & WANT_BY_FUNCTION;

	if (by_function) {
		if (shown && concerns(task))
			claim();
		return shown;
	}
	if (!settings.functions)
		return true;
	return concerns(task) ? is_left(shown) : !shown;
}

#endif
