/* Where the kernel lets programs stand behind its functions: drivers/functions.py makes copies of these, and of the stages,
 * for such places. What they are given are a function's arguments, and then what it returned. So far only on x86. */

/* A 64-bit call's own function. x32's own calls, some of which share it, come by way of x32_sys_call. */
SEC("raw_tp/sys_exit")
int function_returns(unsigned long long *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];

	if (is_x32(call_nr(regs)) && is_x32_own(call_nr(regs)))
		return 0;
	return call_returns(ctx, regs, ctx[1], true, begin());
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
	return call_returns(ctx, regs, ctx[2], true, began);
}

/* syscall_trace_enter, which the calls of threads with a seccomp filter or a tracer pass first: those that are not to be made
 * return at once. */
SEC("raw_tp/sys_exit")
int skipped_returns(unsigned long long *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	unsigned long raw = call_nr(regs);

	if ((long)ctx[3] != -1 || (raw < COMPAT_BASE && !asked[raw]))
		return 0;
	return call_returns(ctx, regs, call_ret(regs), true, begin());
}
