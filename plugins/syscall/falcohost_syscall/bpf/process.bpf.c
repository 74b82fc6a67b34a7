/* The life of processes: fork, exec, exit. All of them, whatever the rules want, into a ring of their own. */
#include "execed.bpf.h"

static __always_inline void inherit_ignored(__u32 parent, __u32 child)
{
	__u8 *ignored = bpf_map_lookup_elem(&ignored_pids, &parent);
	__u8 value = IGNORED_WITH_FORKS;

	if (ignored && *ignored == IGNORED_WITH_FORKS)
		bpf_map_update_elem(&ignored_pids, &child, &value, BPF_ANY);
}

/* Another program runs in the process now, or none. */
static __always_inline void forget_ignored(__u32 pid)
{
	__u8 *ignored = bpf_map_lookup_elem(&ignored_pids, &pid);

	if (ignored && *ignored == IGNORED_WITH_FORKS)
		bpf_map_delete_elem(&ignored_pids, &pid);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *forking, struct task_struct *forked_task)
{
	struct task_struct *parent = TYPED(struct task_struct, forking);
	struct task_struct *child = TYPED(struct task_struct, forked_task);
	struct scratch *s = get_scratch(0);
	struct pid *pid = child->thread_pid;
	bool thread = child->tgid == parent->tgid;
	struct forked *forked;
	__u32 level;

	if (!thread)
		inherit_ignored(parent->tgid, child->tgid);
	else if (!(options & OPTION_THREADS))
		return 0;
	if (!s) {
		count_lost(LOST_SCRATCH);
		return 0;
	}
	start_record(s, KIND_FORK);
	fill_task(&s->header, parent);
	if (thread)
		s->header.flags |= FLAG_NEWTHREAD;
	forked = section_room(s);
	if (!forked)
		return 0;
	forked->pid = child->tgid;
	forked->tid = child->pid;
	level = pid->level;
	forked->vtid = pid_nr(pid, level);
	forked->vpid = thread ? pid_nr(child->signal->pids[PIDTYPE_TGID], level) : forked->vtid;
	forked->start = child->group_leader->start_boottime;
	forked->ppid = child->real_parent->tgid;
	forked->pad = 0;
	end_section(s, SEC_FORK, sizeof(*forked));
	announce_cgroups(parent, &s->header);
	submit(s, &proc_ring, LOST_PROC_RING_FULL);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *current, int old_pid, struct linux_binprm *bprm)
{
	struct task_struct *task = current_task();
	struct scratch *s = get_scratch(0);
	struct mm_struct *mm = task->mm;
	char *room;
	long len;

	if (!s) {
		count_lost(LOST_SCRATCH);
		return 0;
	}
	forget_ignored(task->tgid);
	start_record(s, KIND_EXEC);
	fill_task(&s->header, task);
	s->header.args[0] = old_pid; /* its tid until now, if it was not the leader */
	s->header.call = settings.execve;
	if (bpf_core_field_exists(bprm->fdpath) && bprm->fdpath)
		s->header.call = settings.execveat;
	put_execed(s, task);
	room = section_room(s);
	if (room) {
		len = bpf_probe_read_kernel_str(room, CHUNK, bprm->filename);
		if (len > 1)
			end_section(s, SEC_FILENAME, len - 1);
	}
	if (mm->arg_end - mm->arg_start > CHUNK)
		s->header.flags |= FLAG_CUT;
	put_user_bytes(s, SEC_ARGS, mm->arg_start, mm->arg_end - mm->arg_start, CHUNK);
	if (options & OPTION_EXEC_ENV)
		put_user_bytes(s, SEC_ENV, mm->env_start, mm->env_end - mm->env_start, CHUNK);
	if (options & OPTION_EXEC_CWD)
		put_path(s, SEC_CWD, task, &task->fs->pwd);
	announce_cgroups(task, &s->header);
	submit(s, &proc_ring, LOST_PROC_RING_FULL);
	return 0;
}

#define MAX_ANCESTORS 64

/* The process that the kernel will make the parent of the children that are left: the nearest ancestor that asked for
 * them (PR_SET_CHILD_SUBREAPER) in the same pid namespace, else the namespace's init. */
static __always_inline __u32 reaper_of(struct task_struct *task)
{
	struct pid_namespace *ns = pid_ns(task->thread_pid, task->thread_pid->level);
	struct task_struct *init = READ(struct pid_namespace, ns, child_reaper);
	struct task_struct *ancestor = task->real_parent;

	if (!BPF_CORE_READ_BITFIELD_PROBED(task->signal, has_child_subreaper))
		return READ(struct task_struct, init, tgid);
	for (int i = 0; i < MAX_ANCESTORS && ancestor != init; i++) {
		struct signal_struct *signal = READ(struct task_struct, ancestor, signal);

		if (BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper))
			return READ(struct task_struct, ancestor, tgid);
		ancestor = READ(struct task_struct, ancestor, real_parent);
	}
	return READ(struct task_struct, init, tgid);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit)
{
	struct task_struct *task = current_task();
	struct signal_struct *signal = task->signal;
	bool last = signal->live.counter == 0;
	struct scratch *s;

	if (last)
		forget_ignored(task->tgid);
	else if (!(options & OPTION_THREADS))
		return 0;
	s = get_scratch(0);
	if (!s) {
		count_lost(LOST_SCRATCH);
		return 0;
	}
	start_record(s, KIND_EXIT);
	fill_task(&s->header, task);
	s->header.args[0] = signal->group_exit_code ? signal->group_exit_code : task->exit_code;
	s->header.args[1] = last;
	s->header.args[2] = last ? reaper_of(task) : 0;
	announce_cgroups(task, &s->header);
	submit(s, &proc_ring, LOST_PROC_RING_FULL);
	return 0;
}
