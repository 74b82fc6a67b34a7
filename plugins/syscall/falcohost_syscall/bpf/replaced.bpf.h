/* Whether the file behind a descriptor is the one that the thread has just opened: until the call returns, other threads may
 * put another one there. Where programs can stand at the kernel's functions it is known which file it was. */
#ifndef FALCOHOST_REPLACED_BPF_H
#define FALCOHOST_REPLACED_BPF_H

#include "kept_file.bpf.h"

/* The file for which a thread's call got a descriptor, if others share its descriptors (hooks.bpf.c). */
struct installed {
	struct kept_file file;
	__s32 fd; /* -1: none, or it was told */
};

OF_THREADS(installed, struct installed);

static __always_inline bool gives_descriptor(struct call_spec *spec)
{
	return spec->want & WANT_FD && spec->fd_arg == RET_ARG;
}

static __always_inline struct installed *installed_at(__s32 fd)
{
	struct installed *own;

	if (!settings.installs)
		return NULL;
	own = OWN(installed);
	return own && own->fd == fd ? own : NULL;
}

/* The call that returns this descriptor has been looked at. */
static __always_inline void forget_installed(struct task_struct *task, __s32 fd)
{
	struct installed *own = settings.installs && shares_descriptors(task) ? installed_at(fd) : NULL;

	if (own)
		own->fd = -1;
}

/* Tells of the file that the call has put behind the descriptor that it returns, if that was seen. */
static __always_inline void take_installed(struct scratch *s, struct task_struct *task)
{
	__s32 fd = s->header.ret;
	struct installed *own = fd >= 0 && shares_descriptors(task) ? installed_at(fd) : NULL;

	if (!own)
		return;
	own->fd = -1;
	tell_kept(s, task, &own->file, fd);
}

#define SLOTS FORM(65536, 2048) /* of a table of descriptors that are looked at */

struct slots {
	__u64 slots, file;
	__u32 own;
	bool found;
};

STEP_WITH(slot_step, struct slots, slots)
{
	slots->found = i != slots->own && number_at((void *)slots->slots + (__u64)i * sizeof(void *)) == slots->file;
	return slots->found;
}

/* Whether another descriptor of this table has the file, too. */
GLOBAL int has_another(__u64 file, __u32 fd)
{
	struct fdtable *table = OF(OF(current_task(), files), fdt);
	struct slots slots = {.slots = (__u64)OF(table, fd), .file = file, .own = fd};
	__u32 most = OF(table, max_fds);

	LOOP_WITH(SLOTS, most < SLOTS ? most : SLOTS, slot_step, slots);
	return slots.found || (OLDER_FORM && most > SLOTS); /* what was not looked at may have it */
}

/* Nobody else holds a file that was just opened, but for a process that was just made, with a table of its own. */
static __always_inline bool is_held(struct file *file)
{
	if (bpf_core_field_exists(file->f_ref))
		return NUMBER(struct file, file, f_ref.refcnt.counter) != 0;
	return NUMBER(struct file___counted, file, f_count.counter) != 1;
}

/* Whether a call may have returned this descriptor: tables grow only. A call that a seccomp filter traps (SECCOMP_RET_TRAP, as
 * browsers do) opens nothing, and returns its number. */
static __always_inline bool was_in_table(struct task_struct *task, __s32 fd)
{
	return (__u32)fd < OF(OF(OF(task, files), fdt), max_fds);
}

/* The file that is at this descriptor now, or NULL, may be another than was opened. Only where threads share the table; one
 * that was opened there meanwhile is not told apart. */
static __always_inline bool is_replaced(struct scratch *s, struct task_struct *task, struct file *file, __s32 fd)
{
	struct installed *own;

	if (!shares_descriptors(task))
		return false;
	own = installed_at(fd);
	if (own)
		return !is_kept(&own->file, file);
	if (!file)
		return was_in_table(task, fd);
	s->file = (__u64)file; /* the verifier takes it for a number when it is read again */
	return is_held(file) && has_another(s->file, fd);
}

#endif
