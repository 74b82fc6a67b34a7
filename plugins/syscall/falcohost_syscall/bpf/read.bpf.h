/* Reads the kernel's objects. With bpf_rdonly_cast (Linux 6.2) reading a member is a load, without it a helper call. */
#ifndef FALCOHOST_READ_BPF_H
#define FALCOHOST_READ_BPF_H

#include "kernel_types.h"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "forms.bpf.h"

/* The pointer with a type that the verifier knows. It verifies such a pointer faster than a trusted one: for each step of
 * that it searches the names of all kernel types, which took half of the loading time. */
#define TYPED(type, pointer)								\
	((type *)(HAS_CASTS ?					\
		  bpf_rdonly_cast(pointer, bpf_core_type_id_kernel(type)) : (void *)(pointer)))

/* pointer->member, for any pointer into the kernel; 0 if it cannot be read. */
#define READ(type, pointer, member) ({							\
	const void *from_ = (pointer);							\
	typeof(((type *)0)->member) value_ = {};					\
	if (HAS_CASTS)						\
		value_ = TYPED(type, from_)->member;					\
	else										\
		bpf_core_read(&value_, sizeof(value_), &((type *)from_)->member);	\
	value_;										\
})

/* pointer->member, where the verifier knows the pointer's type, and the pointer at an address in an object of such a type; in the form
 * for older kernels it knows none. */
#define OF(pointer, member) FORM((pointer)->member, READ(__typeof_unqual__(*(pointer)), pointer, member))
#define AT(type, address) FORM(*(type **)(address), (type *)pointer_at(address))

/* The verifier verifies a global function once, but a static one for each call of it. Global functions take addresses in
 * the kernel as numbers. */
#define GLOBAL __attribute__((noinline))

static __always_inline __u64 number_at(const void *address)
{
	return READ(struct timespec64, address, tv_sec); /* a number that a type of the kernel has at its begin */
}

/* pointer->member, which is itself a pointer into the kernel, as a number. */
#define NUMBER(type, pointer, member) number_at((const void *)(pointer) + bpf_core_field_offset(type, member))

/* The pointer at an address in the kernel. */
static __always_inline void *pointer_at(const void *address)
{
	return READ(struct list_head, address, next);
}

static __always_inline struct task_struct *current_task(void)
{
	return TYPED(struct task_struct, CURRENT_TASK);
}

/* The registers with which the current task entered the kernel. */
static __always_inline struct pt_regs *current_registers(void)
{
	return CURRENT_REGISTERS;
}

#endif
