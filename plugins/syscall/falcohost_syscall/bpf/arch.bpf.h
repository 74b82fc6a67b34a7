/* Differences between processors: where the number and the arguments of a call are, and whether it is a 32-bit call. */
#ifndef FALCOHOST_ARCH_BPF_H
#define FALCOHOST_ARCH_BPF_H

#include "read.bpf.h"
#include "call_spec.h"
#include "record.h"

#if defined(__TARGET_ARCH_x86)

#define TS_COMPAT 0x0002
#define X32_BIT 0x40000000
#define X32_OWN 512 /* from here on calls are x32's own; below it they have the numbers of 64-bit calls */
#define X32_OWN_CALLS 36

/* The 64-bit calls behind x32's own. */
static const __u16 x32_calls[X32_OWN_CALLS] = {
	13, 15, 16, 19, 20, 45, 46, 47, 59, 101, 127, 128, 129, 131, 222, 244, 246, 247, 273, 274, 278, 279, 295, 296,
	297, 299, 307, 310, 311, 54, 55, 206, 209, 322, 327, 328,
};

/* The calls that reach the contents of a file: read, mmap, pread64, readv, sendfile, splice, preadv, copy_file_range;
 * and io_uring_enter. */
#define REACHING_CALLS 9
static const __u16 reaching_calls[REACHING_CALLS] = {0, 9, 17, 19, 40, 275, 295, 326, 426};
#define PRCTL 157
#define EXECVE 59
#define EXECVEAT 322

static __always_inline bool is_x32(__u32 nr)
{
	return nr & X32_BIT;
}

/* Whether the structures in memory are those of 32-bit programs. */
static __always_inline bool is_x32_own(__u32 nr)
{
	return (nr & ~X32_BIT) >= X32_OWN;
}

static __always_inline __u32 unfold_x32(__u32 nr)
{
	__u32 own = (nr & ~X32_BIT) - X32_OWN;

	if (!is_x32_own(nr))
		return nr & ~X32_BIT;
	return own < X32_OWN_CALLS ? x32_calls[own] : MAX_NR;
}

static __always_inline long call_nr(struct pt_regs *regs)
{
	return READ(struct pt_regs, regs, orig_ax);
}

static __always_inline long call_ret(struct pt_regs *regs)
{
	return READ(struct pt_regs, regs, ax);
}

static __always_inline __u64 instruction_of(struct pt_regs *regs)
{
	return READ(struct pt_regs, regs, ip);
}

static __always_inline bool is_compat(struct task_struct *task)
{
	return OF(task, thread_info.status) & TS_COMPAT;
}

static __always_inline void call_args(struct pt_regs *regs, bool compat, __u64 *args)
{
	if (compat) {
		args[0] = (__u32)READ(struct pt_regs, regs, bx);
		args[1] = (__u32)READ(struct pt_regs, regs, cx);
		args[2] = (__u32)READ(struct pt_regs, regs, dx);
		args[3] = (__u32)READ(struct pt_regs, regs, si);
		args[4] = (__u32)READ(struct pt_regs, regs, di);
		args[5] = (__u32)READ(struct pt_regs, regs, bp);
		return;
	}
	args[0] = READ(struct pt_regs, regs, di);
	args[1] = READ(struct pt_regs, regs, si);
	args[2] = READ(struct pt_regs, regs, dx);
	args[3] = READ(struct pt_regs, regs, r10);
	args[4] = READ(struct pt_regs, regs, r8);
	args[5] = READ(struct pt_regs, regs, r9);
}

#define EARLY_ARGS 3
/* Of a call of 64 bits, and of registers with their type. */
#define FIRST_ARG(regs) OF(regs, di)
#define SECOND_ARG(regs) OF(regs, si)
#define THIRD_ARG(regs) OF(regs, dx)
/* One of the first three, which lie one before the other. */
#define EARLY_ARG(regs, which) \
	number_at((const void *)(regs) + bpf_core_field_offset(struct pt_regs, di) - (which) * sizeof(__u64))

#elif defined(__TARGET_ARCH_arm64)

#define EARLY_ARGS 3
#define FIRST_ARG(regs) OF(regs, orig_x0)
#define SECOND_ARG(regs) OF(regs, regs[1])
#define THIRD_ARG(regs) OF(regs, regs[2])
#define EARLY_ARG(regs, which)								\
	number_at((const void *)(regs) + ((which) ? bpf_core_field_offset(struct pt_regs, regs) + (which) * sizeof(__u64) : \
						    bpf_core_field_offset(struct pt_regs, orig_x0)))
#define REACHING_CALLS 9
static const __u16 reaching_calls[REACHING_CALLS] = {63, 222, 67, 65, 71, 76, 69, 285, 426};
#define PRCTL 167
#define EXECVE 221
#define EXECVEAT 281

#define TIF_32BIT 22
#define is_x32(nr) false
#define is_x32_own(nr) false
#define unfold_x32(nr) (nr)

static __always_inline long call_nr(struct pt_regs *regs)
{
	return READ(struct pt_regs, regs, syscallno);
}

static __always_inline long call_ret(struct pt_regs *regs)
{
	return READ(struct pt_regs, regs, regs[0]);
}

static __always_inline __u64 instruction_of(struct pt_regs *regs)
{
	return READ(struct pt_regs, regs, pc);
}

static __always_inline bool is_compat(struct task_struct *task)
{
	return OF(task, thread_info.flags) & (1UL << TIF_32BIT);
}

static __always_inline void call_args(struct pt_regs *regs, bool compat, __u64 *args)
{
	args[0] = READ(struct pt_regs, regs, orig_x0);
	args[1] = READ(struct pt_regs, regs, regs[1]);
	args[2] = READ(struct pt_regs, regs, regs[2]);
	args[3] = READ(struct pt_regs, regs, regs[3]);
	args[4] = READ(struct pt_regs, regs, regs[4]);
	args[5] = READ(struct pt_regs, regs, regs[5]);
	if (compat)
		for (int i = 0; i < 6; i++)
			args[i] = (__u32)args[i];
}

#else
#error "the probe is built for x86 and arm64"
#endif

/* These calls by their numbers in the table, including the 32-bit ones of x86 and Arm. */
static __always_inline bool is_exec(__u32 nr)
{
	return nr == EXECVE || nr == EXECVEAT || nr == COMPAT_BASE + 11 || nr == COMPAT_BASE + 358 || nr == COMPAT_BASE + 387;
}

static __always_inline bool is_prctl(__u32 nr)
{
	return nr == PRCTL || nr == COMPAT_BASE + 172;
}

#endif
