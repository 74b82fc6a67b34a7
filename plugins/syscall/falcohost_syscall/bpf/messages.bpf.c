/* Calls with several messages, each of which becomes an event. */
#define MAX_MESSAGES 1024 /* the kernel's own limit of sendmmsg(2); recvmmsg(2) has none */

/* What the records of all messages of a call have in common; it ends at pos. */
struct messages_context {
	struct scratch *s;
	__u64 vector, ts;
	__u32 pos, flags, failed;
};

STEP_WITH_SCRATCH(message_step, struct messages_context, context)
{
	struct scratch *s = context->s;
	__u32 compat = context->flags & FLAG_COMPAT;
	__u32 header = compat ? 28 : 56, length = 0; /* struct mmsghdr: a struct msghdr, then the length */
	__u64 message = context->vector + i * (compat ? 32 : 64);

	s->pos = context->pos;
	s->header.flags = context->flags;
	s->header.ts = context->ts + i; /* no two events of a thread have one time */
	if (!context->failed) {
		bpf_probe_read_user(&length, sizeof(length), (void *)message + header);
		s->header.ret = length;
	}
	put_message(s, message);
	if (has_room(&s->header, &call_ring, s->pos, OF_CALLS)) {
		submit_one(s);
	} else {
		count_lost(LOST_FLOOD);
		count_result(s->header.call, false);
	}
	return 0;
}

/* sendmmsg(2), recvmmsg(2): a record for each message that was transferred; if none was, one for the first. */
SEC("raw_tp/sys_exit")
int submit_messages(unsigned long long *ctx)
{
	struct scratch *s = get_scratch(0);
	struct messages_context context = {.s = s};
	__s64 count;

	if (!s)
		return 0;
	count = s->header.ret;
	context.failed = count <= 0;
	if (context.failed)
		count = 1;
	context.vector = arg(s, s->spec.addr_arg);
	context.ts = s->header.ts;
	context.pos = s->pos;
	context.flags = s->header.flags;
	if (count > MAX_MESSAGES) {
		count = MAX_MESSAGES;
		context.flags |= FLAG_CUT;
	}
	LOOP_WITH_SCRATCH(MAX_MESSAGES, count, message_step, context);
	count_time(s->spec.call, s->began);
	return 0;
}
