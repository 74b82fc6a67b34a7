/* System calls seen at the tracepoint that all pass when they return. */

static __always_inline int call_at_tracepoint(void *ctx, struct pt_regs *regs, long ret, bool at_once)
{
	unsigned long raw = call_nr(regs);
	__u64 began = begin();

	if (raw < COMPAT_BASE && !asked[raw]) {
		count_time(0, began);
		return 0;
	}
	call_returns(ctx, regs, raw, ret, false, at_once, began);
	if (!OLDER_FORM && silent_opens)
		bpf_tail_call(ctx, &looking, 0);
	return 0;
}

SEC("raw_tp/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	return call_at_tracepoint(ctx, regs, ret, true);
}

#ifndef OLDER
/* attach/by_perf.py loads copies of this and the next program, and of the stages, that run with preemption off. */
SEC("raw_tp/sys_exit")
int returned_by_perf(unsigned long long *ctx)
{
	return call_at_tracepoint(ctx, current_registers(), ctx[2], false);
}

/* A function of its own, so that all that follows returns to its caller. */
static __noinline int look_by_perf(void *ctx)
{
	bpf_tail_call(ctx, &looking, LOOK_RETURNED);
	return 0;
}

/* The context is what perf records: the call's number and what it returns, behind the size of a number. Perf leaves the event
 * to others if 1 is returned. */
SEC("raw_tp/sys_exit")
int sys_exit_by_perf(unsigned long long *ctx)
{
	if (ctx[1] >= COMPAT_BASE || asked[ctx[1]] || options & OPTION_MEASURE)
		look_by_perf(ctx);
	return 1;
}
#endif
