/* Reading the kernel's objects. Where the kernel has bpf_rdonly_cast (6.2) a member is one load, else one helper call. */
#ifndef FALCOHOST_READ_BPF_H
#define FALCOHOST_READ_BPF_H

#include "kernel_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

/* The pointer as one of which the verifier knows the type. It follows such a pointer faster than a trusted one, for
 * each step of which it searches the names of all the kernel's types: that was half the time of loading. */
#define TYPED(type, pointer)								\
	((type *)(bpf_ksym_exists(bpf_rdonly_cast) ?					\
		  bpf_rdonly_cast(pointer, bpf_core_type_id_kernel(type)) : (void *)(pointer)))

/* pointer->member, for any pointer into the kernel; 0 if it cannot be read. */
#define READ(type, pointer, member) ({							\
	const void *from_ = (pointer);							\
	typeof(((type *)0)->member) value_ = {};					\
	if (bpf_ksym_exists(bpf_rdonly_cast))						\
		value_ = TYPED(type, from_)->member;					\
	else										\
		bpf_core_read(&value_, sizeof(value_), &((type *)from_)->member);	\
	value_;										\
})

/* The verifier follows a global function once, and one that is static once for each call of it. A global function takes
 * addresses in the kernel as numbers. */
#define GLOBAL __attribute__((noinline))

static __always_inline __u64 number_at(const void *address)
{
	return READ(struct timespec64, address, tv_sec); /* a number that a type of the kernel has at its begin */
}

/* pointer->member, a pointer into the kernel itself, as a number. */
#define NUMBER(type, pointer, member) number_at((const void *)(pointer) + bpf_core_field_offset(type, member))

/* The pointer that lies at an address in the kernel. */
static __always_inline void *pointer_at(const void *address)
{
	return READ(struct list_head, address, next);
}

static __always_inline struct task_struct *current_task(void)
{
	return TYPED(struct task_struct, bpf_get_current_task_btf());
}

#endif
