/* Events that are no calls: a signal is delivered, another thread gets the processor, a page is missing. Each program is attached
 * only while a rule names its event. */

#define SIGCHLD 17

/* By enum moment. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MOMENTS);
	__type(key, __u32);
	__type(value, struct call_spec);
} moments SEC(".maps");

static __always_inline int tell_moment(void *ctx, __u32 which, __u64 first, __u64 second, __u64 third)
{
	struct call_spec *spec = bpf_map_lookup_elem(&moments, &which);
	struct task_struct *task = current_task();
	struct scratch *s;

	if (!spec || !spec->call || unwanted(spec, OF(task, tgid), 0))
		return 0;
	s = start_call(spec, task, 0, begin());
	if (!s)
		return 0;
	s->header.args[0] = first;
	s->header.args[1] = second;
	s->header.args[2] = third;
	fill_caller(&s->header, task);
	GO_ON(ctx, s->spec.call, STAGE_OBJECTS);
	return 0;
}

/* Who sent it is known of signals that processes send, and of those of children. */
SEC("raw_tp/signal_deliver")
int signal_delivered(unsigned long long *ctx)
{
	struct kernel_siginfo *info = (void *)ctx[1];
	bool sent = READ(struct kernel_siginfo, info, si_code) <= 0 || (__s32)ctx[0] == SIGCHLD;
	__u32 sender = sent ? READ(struct kernel_siginfo, info, _sifields._kill._pid) : 0;

	return tell_moment(ctx, MOMENT_SIGNAL, sender, OF(current_task(), tgid), (__s32)ctx[0]);
}

SEC("raw_tp/sched_switch")
int thread_switched(unsigned long long *ctx)
{
	return tell_moment(ctx, MOMENT_SWITCH, TASK((struct task_struct *)ctx[2], pid), 0, 0);
}

/* Not for pages that are missing while a program of this kind reads the memory of a process. */
static __always_inline int tell_fault(unsigned long long *ctx)
{
	struct pt_regs *regs = (void *)ctx[1];

	if (OF(current_task(), pagefault_disabled))
		return 0;
	return tell_moment(ctx, MOMENT_FAULT, ctx[0], instruction_of(regs), ctx[2]);
}

SEC("raw_tp/page_fault_user")
int page_missed(unsigned long long *ctx)
{
	return tell_fault(ctx);
}

SEC("raw_tp/page_fault_kernel")
int page_missed_in_kernel(unsigned long long *ctx)
{
	return tell_fault(ctx);
}
