/* Lists the processes that started before the probe, read from the iterator's file: for each a 32-bit length and a record.
 * Arguments and environment cannot be read here. */
#include "context.bpf.h"

#ifndef OLDER
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} task_scratch SEC(".maps");
#endif

SEC("iter/task")
int dump_task(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *listed = ctx->task; /* NULL behind the last */
	struct task_struct *task;
	__u32 key = 0, length;
	struct scratch *s = TASK_SCRATCH(key);
	__u64 size;

	if (!listed || !s)
		return 0;
	task = TYPED(struct task_struct, listed);
	if (OF(task, pid) != OF(task, tgid))
		return 0;
	start_record(s, KIND_TASK);
	fill_task(&s->header, task);
	s->header.args[0] = OF(OF(OF(task, real_parent), group_leader), start_boottime);
	s->header.args[1] = process_of(task) != NULL;
	put_execed(s, task);
	if (OF(task, fs))
		put_path(s, SEC_CWD, task, &OF(task, fs)->pwd);
	put_cgroups(GIVE(s), NUMBER(struct task_struct, task, cgroups));
	size = s->pos;
	barrier_var(size);
	if (size > RECORD_SIZE)
		return 0;
	length = size;
	bpf_seq_write(seq, &length, sizeof(length));
	bpf_seq_write(seq, s->record, size);
	return 0;
}
