/* The facts of a task in a record's header: its ids, its process, its cgroups. */
#ifndef FALCOHOST_TASK_BPF_H
#define FALCOHOST_TASK_BPF_H

#include "cgroup.bpf.h"

#define PF_IO_WORKER 0x00000010 /* does what was asked for through io_uring, and never returns from a call */

/* A member of any task, not only of one whose type the verifier knows. */
#define TASK(task, member) READ(struct task_struct, task, member)

/* The pid of a thread, or that of its process, group or session, as a number: to a pointer whose type the verifier knows only
 * constants may be added. */
#define PID(task) NUMBER(struct task_struct, task, thread_pid)
#define PID_OF(task, type) NUMBER(struct signal_struct, TASK(task, signal), pids[type])

/* Its depth in pid namespaces. */
static __always_inline __u32 pid_level(__u64 pid)
{
	return pid ? READ(struct pid, (void *)pid, level) : 0;
}

/* A pid's number in the pid namespace at the given level: 0 is the host's, pid->level the task's own. */
static __always_inline struct upid *upid_at(__u64 pid, __u32 level)
{
	return (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
}

static __always_inline __u32 pid_nr(__u64 pid, __u32 level)
{
	return pid && pid_level(pid) >= level ? READ(struct upid, upid_at(pid, level), nr) : 0;
}

static __always_inline struct pid_namespace *pid_ns(__u64 pid, __u32 level)
{
	return READ(struct upid, upid_at(pid, level), ns);
}

/* Up to Linux 6.2 capabilities are two numbers of 32 bits, with the same layout in memory. */
#define CAPS(cred, set) ({							\
	__u64 caps_ = 0;							\
	if (bpf_core_field_exists((cred)->set.val))				\
		caps_ = READ(struct cred, cred, set.val);			\
	else									\
		bpf_probe_read_kernel(&caps_, sizeof(caps_), &(cred)->set);	\
	caps_;									\
})

/* The facts that filters read first: a few loads. */
static __always_inline void fill_caller(struct header *h, struct task_struct *task)
{
	const struct cred *cred = OF(task, cred);

	h->pid = OF(task, tgid);
	h->tid = OF(task, pid);
	h->uid = OF(cred, euid.val);
	h->gid = OF(cred, egid.val);
	h->caps = CAPS(cred, cap_effective);
	h->loginuid = bpf_core_field_exists(task->loginuid) ? OF(task, loginuid.val) : (__u32)-1;
}

static __always_inline void fill_ids(struct header *h, struct task_struct *task)
{
	__u64 pid = PID(task);
	__u32 level = pid_level(pid);

	h->vpid = TASK(task, tgid);
	h->vtid = TASK(task, pid);
	h->ppid = TASK(TASK(task, real_parent), tgid);
	h->start = TASK(TASK(task, group_leader), start_boottime);
	if (level) {
		h->vtid = pid_nr(pid, level);
		h->vpid = pid_nr(PID_OF(task, PIDTYPE_TGID), level);
	}
}

/* Two loads, no helper. */
static __always_inline void read_comm(char *to, struct task_struct *task)
{
	((__u64 *)to)[0] = (__u64)pointer_at(task->comm);
	((__u64 *)to)[1] = (__u64)pointer_at(task->comm + 8);
}

static __always_inline void fill_rest(struct header *h, struct task_struct *task)
{
	h->ts = bpf_ktime_get_boot_ns();
	fill_ids(h, task);
	h->cgroup = cgroup_key(task);
	read_comm(h->comm, task);
}

static __always_inline void fill_task(struct header *h, struct task_struct *task)
{
	fill_caller(h, task);
	fill_rest(h, task);
}

#endif
