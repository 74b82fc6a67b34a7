/* A process that renames itself or one of its threads by writing to a file in /proc: reported as the prctl(2) with the same
 * effect. Attached if a rule asks for prctl. */

#define PR_SET_NAME 15

SEC("raw_tp/task_rename")
int task_renamed(unsigned long long *ctx)
{
	struct task_struct *task = current_task();
	struct pt_regs *regs = current_registers();
	__u32 nr = table_nr(regs, is_compat(task), 0), prctl = PRCTL;
	struct call_spec *spec = bpf_map_lookup_elem(&calls, &prctl);
	struct scratch *s;

	if (!spec || !spec->call || !OF(task, mm) || OF(task, flags) & PF_IO_WORKER || is_exec(nr) || is_prctl(nr))
		return 0;
	if (unwanted(spec, OF(task, tgid), 0))
		return 0;
	s = start_call(spec, task, 0, begin());
	if (!s)
		return 0;
	s->spec.want |= WANT_NAMED;
	s->header.args[0] = PR_SET_NAME;
	bpf_probe_read_kernel_str(&s->header.args[NAMED_AT], sizeof(s->header.comm), (void *)ctx[1]);
	fill_caller(&s->header, task);
	GO_ON(ctx, s->spec.call, STAGE_OBJECTS);
	return 0;
}
