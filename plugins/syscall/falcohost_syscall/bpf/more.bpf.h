/* Sends what of a process's arguments and environment is longer than what its context has, from the memory of the current
 * process: behind an exec, or before the first event of a process. */
#ifndef FALCOHOST_MORE_BPF_H
#define FALCOHOST_MORE_BPF_H

#include "context.bpf.h"
#include "user_memory.bpf.h"

#define MORE_SIZE (128 << 10) /* of each text, with its beginning */
#define MORE_SECTIONS 6       /* of CHUNK bytes, in a record */
#define MORE_RECORDS (MORE_SIZE / CHUNK / MORE_SECTIONS + 1)

struct more {
	EVENT(event);
	__u64 exec_ts, begin, next, end, size;
	__u32 tag;
};

/* Appends a record's share of a text. */
GLOBAL int put_more(SCRATCH(s), __u64 begin, __u64 end, __u32 tag)
{
	TAKE_SCRATCH(s);
	if (!s)
		return 0;
	for (__u32 i = 0; i < MORE_SECTIONS && begin < end; i++) {
		put_user_bytes(s, tag, begin, end - begin, CHUNK);
		begin += CHUNK;
	}
	return 0;
}

STEP_WITH(more_step, struct more, more)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = CONTEXT_SCRATCH(cpu);
	struct header *event = EVENT_OF(more);

	if (!s || (OLDER_FORM && !event) || more->next >= more->end)
		return 1;
	start_record(s, KIND_MORE);
	s->header.pid = event->pid;
	s->header.tid = event->tid;
	s->header.start = event->start;
	s->header.cgroup = event->cgroup;
	s->header.ts = event->ts - 1;
	s->header.args[0] = more->exec_ts;
	s->header.args[1] = more->next - more->begin;
	s->header.args[2] = more->size;
	put_more(GIVE(s), more->next, more->end, more->tag);
	more->next += MORE_SECTIONS * CHUNK;
	if (s->header.flags & FLAG_UNREADABLE)
		return 1;
	if (has_room(&s->header, &proc_ring, s->pos, OF_MORE) && submit(s, &proc_ring, LOST_PROC_RING_FULL))
		return 0;
	count_lost(LOST_MORE);
	return 1;
}

static __always_inline void send_text(EVENT(event), __u64 exec_ts, __u64 begin, __u64 end, __u32 tag)
{
	struct more more = {
		EVENT_IS(event), .exec_ts = exec_ts, .begin = begin, .next = begin + CHUNK, .end = end, .tag = tag,
	};

	more.size = end - begin;
	if (more.size > MORE_SIZE)
		more.end = begin + MORE_SIZE;
	if (end > begin + CHUNK)
		LOOP_WITH(MORE_RECORDS, MORE_RECORDS, more_step, more);
}

/* Sends the rest of the current process's texts if rules may ask for it, up to MORE_SIZE. */
GLOBAL int send_more(EVENT(event), __u64 exec_ts)
{
	TAKE_EVENT(event);
	struct mm_struct *mm = OF(current_task(), mm);

	if (!event || !mm)
		return 0;
	if (options & OPTION_MORE_ARGS)
		send_text(GIVE_EVENT(event), exec_ts, OF(mm, arg_start), OF(mm, arg_end), SEC_MORE_ARGS);
	if (options & OPTION_EXEC_ENV)
		send_text(GIVE_EVENT(event), exec_ts, OF(mm, env_start), OF(mm, env_end), SEC_MORE_ENV);
	return 0;
}

#endif
