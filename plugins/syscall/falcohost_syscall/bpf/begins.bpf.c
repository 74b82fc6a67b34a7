/* Programs that run while a call is under way: for what its caller may change before it returns. */

/* A call begins of those that are compared. Attached to the tracepoint of each such call, so that others do not pass here. */
SEC("tp")
int call_begins(void *ctx)
{
	struct task_struct *task = current_task();
	struct pt_regs *regs = current_registers();
	bool compat = is_compat(task);
	__u32 nr = table_nr(regs, compat, 0), zero = 0;
	struct call_spec *spec = bpf_map_lookup_elem(&calls, &nr);
	struct text_bytes *text = bpf_map_lookup_elem(&entering, &zero);
	struct entered *e;

	if (!spec || !text || !(spec->want & WANT_ENTERED) || ignored(OF(task, tgid)))
		return 0;
	if (spec->want & WANT_FREQUENT && is_alone(task)) {
		e = OWN(entered);
		if (e)
			e->call = 0; /* another one, from which it has returned */
		return 0;
	}
	e = OWN_OR_NEW(entered);
	if (!e)
		return 0;
	call_args(regs, compat, e->args);
	e->call = spec->call;
	e->has_how = spec->want & WANT_HOW && bpf_probe_read_user(e->how, sizeof(e->how), (void *)e->args[2]) == 0;
	e->attribute = !!(spec->want & WANT_ATTRIBUTE);
	keep_entered_file(e, task, spec->want & WANT_FD ? spec->fd_arg : NO_ARG);
	keep_entered(GIVE_AS(e, 0), GIVE_AS(text, 0), ENTERED_PATH, spec->want & WANT_PATH ? spec->path_arg : NO_ARG);
	keep_entered(GIVE_AS(e, 0), GIVE_AS(text, 0), ENTERED_PATH2, spec->want & WANT_PATH2 ? spec->path2_arg : NO_ARG);
	keep_entered(GIVE_AS(e, 0), GIVE_AS(text, 0), ENTERED_STR, spec->want & WANT_STR ? spec->str_arg : NO_ARG);
	return 0;
}

/* clone3(2) makes a process or thread, with these flags. Both return from the call. */
SEC(TYPED_TRACEPOINT "task_newtask")
int BPF_PROG(task_made, struct task_struct *child, __u64 flags)
{
	struct pt_regs *regs = current_registers();
	__u32 maker = OF(current_task(), pid), made = OF(TYPED(struct task_struct, child), pid);

	if (call_nr(regs) != CLONE3)
		return 0;
	bpf_map_update_elem(&made_flags, &maker, &flags, BPF_ANY);
	bpf_map_update_elem(&made_flags, &made, &flags, BPF_ANY);
	return 0;
}

/* A call whose event is made when it begins, since what it is about is gone when it returns. Attached only while rules ask for
 * one. What it will return is foreseen; a file system's own error is not. */
SEC("raw_tp/sys_enter")
int call_foreseen(unsigned long long *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	struct task_struct *task = current_task();
	bool compat = is_compat(task);
	__u32 nr = table_nr(regs, compat, 0);
	__u64 began = begin(), args[6];
	struct call_spec *spec;
	struct scratch *s;
	long ret;

	spec = bpf_map_lookup_elem(&calls, &nr);
	if (!spec || !spec->call || !(spec->want & WANT_BEGIN))
		return 0;
	call_args(regs, compat, args);
	ret = OF(task, files) && file_of_fd(task, args[0]) ? 0 : -EBADF;
	if (unwanted(spec, OF(task, tgid), ret))
		return 0;
	s = start_call(spec, task, ret, began);
	if (!s)
		return 0;
	__builtin_memcpy(s->header.args, args, sizeof(args));
	if (compat)
		s->header.flags |= FLAG_COMPAT;
	fill_caller(&s->header, task);
	GO_ON(ctx, s->spec.call, STAGE_OBJECTS);
	return 0;
}
