/* Finds out which call returns: its number in user space's table, also for 32-bit and x32 calls. */
#ifndef FALCOHOST_CALL_NUMBER_BPF_H
#define FALCOHOST_CALL_NUMBER_BPF_H

#include "arch.bpf.h"
#include "call_spec.h"
#include "record.h"

#define EBADF 9
#define ENOSYS 38
#define EINPROGRESS 115

#if defined(__TARGET_ARCH_x86)
#define SOCKETCALL 102
#define SOCKETCALLS 21

/* The calls behind the 32-bit socketcall(2), by its first argument, as 64-bit numbers. */
static const __u16 socketcalls[SOCKETCALLS] = {
	0, 41, 49, 42, 50, 43, 51, 52, 53, 44, 45, 44, 45, 48, 54, 55, 46, 47, 288, 299, 307,
};

static __always_inline __u32 unfold_socketcall(struct pt_regs *regs, __u32 nr)
{
	__u32 which = READ(struct pt_regs, regs, bx);

	if (nr != SOCKETCALL)
		return nr + COMPAT_BASE;
	return which < SOCKETCALLS ? socketcalls[which] : MAX_NR;
}

static __always_inline void unfold_args(struct pt_regs *regs, __u64 *args)
{
	__u32 which = READ(struct pt_regs, regs, bx), user[6] = {};

	bpf_probe_read_user(user, sizeof(user), (void *)(__u64)(__u32)READ(struct pt_regs, regs, cx));
	for (int i = 0; i < 6; i++)
		args[i] = user[i];
	if (which == 9 || which == 10) /* send, recv: sendto, recvfrom without an address */
		args[4] = args[5] = 0;
}
#else
#define unfold_socketcall(regs, nr) ((nr) + COMPAT_BASE)
#define unfold_args(regs, args)
#define SOCKETCALL -1
#endif

/* The index in the table of a call with this number, or at least MAX_NR if it has none. x32 numbers are unknown to kernels without x32. */
static __always_inline __u32 nr_in_table(struct pt_regs *regs, __u32 nr, bool compat, long ret)
{
	if (compat)
		return unfold_socketcall(regs, nr);
	if (is_x32(nr))
		return ret == -ENOSYS ? MAX_NR : unfold_x32(nr);
	return nr < COMPAT_BASE ? nr : MAX_NR;
}

static __always_inline __u32 table_nr(struct pt_regs *regs, bool compat, long ret)
{
	return nr_in_table(regs, call_nr(regs), compat, ret);
}

#endif
