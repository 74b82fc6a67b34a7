/* Whether the file behind a descriptor is the one that the thread has just opened: until the call returns, other threads may
 * put another one there. Then the name of what was opened is not known any more. */
#ifndef FALCOHOST_REPLACED_BPF_H
#define FALCOHOST_REPLACED_BPF_H

#include "kept_file.bpf.h"

#define SLOTS 65536 /* of a table of descriptors that are looked at */

struct slots {
	__u64 slots, file;
	__u32 own;
	bool found;
};

static int slot_step(__u32 i, struct slots *slots)
{
	slots->found = i != slots->own && number_at((void *)slots->slots + (__u64)i * sizeof(void *)) == slots->file;
	return slots->found;
}

/* Whether another descriptor of this table has the file, too. */
GLOBAL int has_another(__u64 file, __u32 fd)
{
	struct fdtable *table = current_task()->files->fdt;
	struct slots slots = {.slots = (__u64)table->fd, .file = file, .own = fd};
	__u32 most = table->max_fds;

	bpf_loop(most < SLOTS ? most : SLOTS, slot_step, &slots, 0);
	return slots.found;
}

/* Nobody else holds a file that was just opened, but for a process that was just made, with a table of its own. */
static __always_inline bool is_held(struct file *file)
{
	if (bpf_core_field_exists(file->f_ref))
		return NUMBER(struct file, file, f_ref.refcnt.counter) != 0;
	return NUMBER(struct file___counted, file, f_count.counter) != 1;
}

/* The file that is at this descriptor now, or NULL, may be another than was opened. Only where threads share the table; one
 * that was opened there meanwhile is not told apart. */
static __always_inline bool is_replaced(struct scratch *s, struct task_struct *task, struct file *file, __s32 fd)
{
	if (!shares_descriptors(task))
		return false;
	s->file = (__u64)file; /* the verifier takes it for a number when it is read again */
	return !file || (is_held(file) && has_another(s->file, fd));
}

#endif
