/* Lists the processes that started before the probe: by an iterator, from whose file user space reads for each a 32-bit length
 * and a record; or, in the form for older kernels, by a program that user space runs for each of them. A kernel without BTF has
 * no iterators. Arguments and environment cannot be read here. */
#include "tell.bpf.h"

/* Makes the record of a process. */
#define LIST_TASK(s, task) ({									\
	start_record(s, KIND_TASK);								\
	fill_task(&s->header, task);								\
	s->header.args[0] = OF(OF(OF(task, real_parent), group_leader), start_boottime);	\
	s->header.args[1] = process_of(task) != NULL;						\
	put_execed(s, task);									\
	if (OF(task, fs))									\
		put_path(s, SEC_CWD, task, &OF(task, fs)->pwd);					\
	put_cgroups(GIVE(s), NUMBER(struct task_struct, task, cgroups));			\
})

#ifndef OLDER
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} task_scratch SEC(".maps");

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
	LIST_TASK(s, task);
	size = s->pos;
	barrier_var(size);
	if (size > RECORD_SIZE)
		return 0;
	length = size;
	bpf_seq_write(seq, &length, sizeof(length));
	bpf_seq_write(seq, s->record, size);
	return 0;
}
#else
struct listed {
	__u8 record[RECORD_SIZE];
	__u32 size;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct listed);
} listed SEC(".maps");

/* Its argument is a descriptor of the process (pidfd_open(2)): behind it is the kernel's struct pid, since Linux 6.9 as that of its
 * inode. */
SEC("raw_tp")
int dump_task(unsigned long long *ctx)
{
	__u64 asked = ASKED_FOR(ctx);
	struct file *file = file_of_fd(current_task(), asked);
	__u64 pid = file ? NUMBER(struct file, file, private_data) : 0, leader, size;
	__u32 key = 0;
	struct scratch *s = TASK_SCRATCH(key);
	struct task_struct *task;
	struct listed *record = bpf_map_lookup_elem(&listed, &key);

	if (file && !pid)
		pid = NUMBER(struct inode, READ(struct file, file, f_inode), i_private);
	leader = leader_by(pid);
	if (!record)
		return 0;
	record->size = 0;
	if (!leader || !s)
		return 0;
	task = TYPED(struct task_struct, (void *)leader);
	LIST_TASK(s, task);
	size = s->pos;
	barrier_var(size);
	if (size > RECORD_SIZE || bpf_probe_read_kernel(record->record, size, s->record))
		return 0;
	record->size = size;
	return 0;
}
#endif
