/* The last stages of a call: whether there is room for its record, what is sent before it, and the record itself. */

static __always_inline enum account account_of(struct scratch *s)
{
	return is_doubtful(&s->header) ? OF_UNSURE : OF_CALLS;
}

static __always_inline int over_budget(struct scratch *s)
{
	count_lost(LOST_FLOOD);
	count_result(s->header.call, false);
	count_time(s->spec.call, s->began);
	return 0;
}

/* What user space does not know yet of those who have to do with the event goes before it, if both get room. */
CALL_STAGE(tell_call)
{
	struct task_struct *task;

	if (s->spec.want & WANT_SENTINEL)
		GO(ctx, stages, STAGE_SUBMIT);
	if (s->spec.asks & ASKS_PRESENT)
		GO(ctx, stages, STAGE_PRESENT);
	task = task_of(s);
	if (!(s->spec.want & WANT_MESSAGES) && !has_room(&s->header, &call_ring, s->pos, account_of(s)))
		return over_budget(s);
	if (!announce_cgroups(task, &s->header) ||
	    !tell(GIVE_EVENT(&s->header), OWN, s->spec.pid_arg == RET_ARG ? s->header.ret : arg(s, s->spec.pid_arg)))
		return over_budget(s);
	GO(ctx, stages, s->spec.want & WANT_MESSAGES ? STAGE_MESSAGES : STAGE_SUBMIT);
	return 0;
}

static __always_inline void submit_one(struct scratch *s)
{
	count_result(s->header.call, submit(s, &call_ring, LOST_RING_FULL));
}

CALL_STAGE(submit_call)
{
	submit_one(s);
	count_time(s->spec.call, s->began);
	return 0;
}

CALL_STAGE(left_out)
{
	count_time(s->spec.call, s->began);
	return 0;
}
