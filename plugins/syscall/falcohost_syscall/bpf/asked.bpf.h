/* Which calls are looked at: those that rules want, as user space says; and while files that were opened silently are looked
 * for (silent.bpf.h), those by which they are reached. */
#ifndef FALCOHOST_ASKED_BPF_H
#define FALCOHOST_ASKED_BPF_H

#include "read.bpf.h"
#include "arch.bpf.h"

#define SETTLING_ROUNDS 4

/* By the number in the register, as that of a 64-bit or of a 32-bit call. Asked before anything that takes a helper: most
 * calls of the machine end here. It follows from the two below, of which user space writes the first. */
SEC(".data.asked") volatile __u8 asked[COMPAT_BASE];
SEC(".data.wanted") volatile __u8 wanted[COMPAT_BASE];

/* How many requests of io_uring open files and do not say so. */
static volatile __u32 silent_opens;

static __always_inline bool is_reaching(__u64 nr)
{
	for (int i = 0; i < REACHING_CALLS; i++)
		if (reaching_calls[i] == nr)
			return true;
	return false;
}

/* For whoever has changed what it follows from. Of several who do so at once, the last one to write has seen all changes,
 * or sees in the next round that it has not. */
GLOBAL int settle(__u64 nr)
{
	bool reaching = is_reaching(nr);

	barrier_var(nr); /* or the comparisons with those numbers take the place of this one */
	if (nr >= COMPAT_BASE)
		return 0;
	for (int i = 0; i < SETTLING_ROUNDS; i++) {
		bool look = wanted[nr] || (reaching && silent_opens);

		asked[nr] = look;
		__sync_fetch_and_add(&silent_opens, 0); /* a barrier */
		if (look == (wanted[nr] || (reaching && silent_opens)))
			break;
	}
	return 0;
}

static long settle_one(__u32 nr, void *unused)
{
	return settle(nr);
}

/* Run by user space when it has said what is wanted. */
SEC("raw_tp")
int settle_wanted(unsigned long long *ctx)
{
	bpf_loop(COMPAT_BASE, settle_one, NULL, 0);
	return 0;
}

static __always_inline void settle_reaching(void)
{
	for (int i = 0; i < REACHING_CALLS; i++)
		settle(reaching_calls[i]);
}

#endif
