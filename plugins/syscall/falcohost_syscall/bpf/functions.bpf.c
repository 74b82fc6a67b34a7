/* Entries for programs at kernel functions: attach/functions.py loads copies of these and of the stages there. Their context
 * is the function's arguments, followed by its return value. So far only for x86. */

/* The function of a 64-bit call. x32's own calls, some of which share it, are seen at x32_sys_call. */
SEC("raw_tp/sys_exit")
int function_returns(unsigned long long *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	__u32 raw = call_nr(regs);

	if (is_x32(raw) && is_x32_own(raw))
		return 0;
	return call_returns(ctx, regs, raw, ctx[1], true, false, begin());
}

/* ia32_sys_call and x32_sys_call, which choose the function by the call's number, their second argument. */
SEC("raw_tp/sys_exit")
int choice_returns(unsigned long long *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	unsigned long raw = call_nr(regs);
	__u64 began = begin();

	if (is_x32(raw) ? !is_x32_own(raw) : raw < COMPAT_BASE && !asked[raw]) {
		count_time(0, began);
		return 0;
	}
	return call_returns(ctx, regs, raw, ctx[2], true, false, began);
}

/* syscall_trace_enter, which the calls of threads with a seccomp filter or a tracer pass first; a call that is to be skipped
 * returns at once. */
SEC("raw_tp/sys_exit")
int skipped_returns(unsigned long long *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	unsigned long raw = call_nr(regs);

	if ((long)ctx[3] != -1 || (raw < COMPAT_BASE && !asked[raw]))
		return 0;
	return call_returns(ctx, regs, raw, call_ret(regs), true, false, begin());
}

#define PF_USER_WORKER 0x00004000
#define PF_KTHREAD 0x00200000

/* Which call a thread is in, according to its registers, if functions show it; else NULL. A thread that runs its own program
 * may have left that call already. */
static __always_inline struct call_spec *is_in(struct task_struct *listed)
{
	struct task_struct *task = TYPED(struct task_struct, listed);
	struct call_spec *spec;
	struct pt_regs *regs;
	__u32 nr;

	if (task->flags & (PF_KTHREAD | PF_USER_WORKER | PF_IO_WORKER) || task->exit_state)
		return NULL;
	regs = (void *)bpf_task_pt_regs(listed);
	if (!regs || call_nr(regs) < 0)
		return NULL;
	nr = table_nr(regs, is_compat(task), 0);
	spec = bpf_map_lookup_elem(&calls, &nr);
	return spec && spec->call && spec->want & WANT_BY_FUNCTION ? spec : NULL;
}

/* Lists the threads that may be in calls whose end only the tracepoint will see; 0 stands for one that cannot be marked.
 * Read while a handover concerns all threads. */
SEC("iter/task")
int waiting_thread(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task; /* NULL behind the last */
	struct thread *thread;
	struct call_spec *spec;
	bool found;
	__u32 tid;

	if (!task)
		return 0;
	spec = is_in(task);
	found = spec && spec->want & WANT_LATELY && goes_on(HANDOVER_ALL);
	thread = bpf_task_storage_get(&threads, task, NULL, found ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	if (thread) {
		thread->waits = spec && (found || thread->waits);
		if (!thread->waits)
			return 0;
	} else if (!found) {
		return 0;
	}
	tid = thread ? TYPED(struct task_struct, task)->pid : 0;
	may_wait[tid & (WAITING_HINTS - 1)] = 1;
	bpf_seq_write(ctx->meta->seq, &tid, sizeof(tid));
	return 0;
}
