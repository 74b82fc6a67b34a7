/* Decides which calls to look at: those that rules ask for, as set by user space; and, while files that were opened silently
 * are looked for (silent.bpf.h), those that reach files. */
#ifndef FALCOHOST_ASKED_BPF_H
#define FALCOHOST_ASKED_BPF_H

#include "read.bpf.h"
#include "arch.bpf.h"
#include "ignored.bpf.h"

#define SETTLING_ROUNDS 4

/* By the number in the register, for 64-bit and 32-bit calls alike. Read before any helper is called: most calls of the
 * machine end here. It is derived from the two variables below; user space writes the first. */
SEC(".data.asked") volatile __u8 asked[COMPAT_BASE];
SEC(".data.wanted") volatile __u8 wanted[COMPAT_BASE];

/* Number of pending io_uring requests that open files silently. */
static volatile __u32 silent_opens;

static __always_inline bool is_reaching(__u64 nr)
{
	for (int i = 0; i < REACHING_CALLS; i++)
		if (reaching_calls[i] == nr)
			return true;
	return false;
}

/* Run after a change of the variables that it is derived from. If several do so at once, the last writer has seen all
 * changes, or sees in the next round that it has not. */
GLOBAL int settle(__u64 nr)
{
	bool reaching = is_reaching(nr);

	barrier_var(nr); /* or the comparisons with those numbers take the place of this one */
	if (nr >= COMPAT_BASE)
		return 0;
	for (int i = 0; i < SETTLING_ROUNDS; i++) {
		bool look = wanted[nr] || (reaching && silent_opens);

		asked[nr] = look;
		READ_BEHIND(&silent_opens); /* a barrier */
		if (look == (wanted[nr] || (reaching && silent_opens)))
			break;
	}
	return 0;
}

static long settle_one(__u32 nr, void *unused)
{
	return settle(nr);
}

/* Run by user space after it has changed the calls that it asks for. */
SEC("raw_tp")
int settle_wanted(unsigned long long *ctx)
{
#ifdef OLDER
	ASKED_FOR(ctx);
#endif
	LOOP(COMPAT_BASE, COMPAT_BASE, settle_one, NULL);
	return 0;
}

static __always_inline void settle_reaching(void)
{
	for (int i = 0; i < REACHING_CALLS; i++)
		settle(reaching_calls[i]);
}

#endif
