/* Files that are opened through io_uring by requests without completion on success (IOSQE_CQE_SKIP_SUCCESS). The event is
 * sent at submission, under the requested name. Then the file is looked for whenever the process enters a ring again, or
 * returns from a call that rules ask for or that can reach the file's contents. If more is found out about it, a second
 * event is sent. */
#ifndef FALCOHOST_SILENT_BPF_H
#define FALCOHOST_SILENT_BPF_H

#define SILENT_OPENS 4 /* of one process */
#define SILENT_LOOKS 256
#define O_ALIKE 010000003 /* flags of open(2) that the file has too, on every processor: O_ACCMODE, O_PATH */

struct silent_key {
	__u32 tgid, place;
};

struct silent_open {
	struct request request;
	__u64 req, ring;
	__u64 before; /* the file that was where it is looked for */
	__u64 looks;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__type(key, struct silent_key);
	__type(value, struct silent_open);
} silent SEC(".maps");

/* The file at the place where that of a request will be: a slot of the ring's table, or the slot or descriptor that was
 * assigned last. */
static __always_inline __u64 file_at_place(struct silent_open *open, long *ret)
{
	struct io_ring_ctx *ring = (void *)open->ring;
	struct task_struct *task = current_task();
	__u32 slot = open->request.slot;

	*ret = 0;
	if (!slot) {
		*ret = READ(struct files_struct, task->files, next_fd) - 1;
		return (__u64)file_of_fd(task, *ret);
	}
	if (slot == IORING_FILE_INDEX_ALLOC)
		slot = *ret = READ(struct io_ring_ctx, ring, file_table.alloc_hint) - 1;
	else
		slot--;
	return file_in_slot(ring, slot);
}

static __always_inline void drop_silent(struct silent_key *key)
{
	if (bpf_map_delete_elem(&silent, key) == 0 && __sync_fetch_and_sub(&silent_opens, 1) == 1)
		settle_reaching();
}

/* Remembers a request to open a file, which begins at the argument, if there is room; else the file is not looked for. */
static __noinline int keep_silent(struct silent_open *open, __u64 req)
{
	struct silent_key key = {.tgid = current_task()->tgid};
	long ret;

	if (!open || (open->request.opcode != IORING_OP_OPENAT && open->request.opcode != IORING_OP_OPENAT2))
		return 0;
	open->req = req;
	open->ring = NUMBER(struct io_kiocb, req, ctx);
	open->before = file_at_place(open, &ret);
	open->looks = 0;
	for (__u32 place = 0; place < SILENT_OPENS; place++) {
		key.place = place;
		if (bpf_map_update_elem(&silent, &key, open, BPF_NOEXIST))
			continue;
		__sync_fetch_and_add(&silent_opens, 1);
		settle_reaching();
		break;
	}
	return 0;
}

/* Forgets a request that reported its failure, or (req 0) all requests of a process. */
static __noinline int forget_silent(__u32 tgid, __u64 req)
{
	struct silent_key key = {.tgid = tgid};
	struct silent_open *open;

	for (__u32 place = 0; place < SILENT_OPENS; place++) {
		key.place = place;
		open = bpf_map_lookup_elem(&silent, &key);
		if (open && (!req || open->req == req))
			drop_silent(&key);
	}
	return 0;
}

static __always_inline void look_for_silent(void *ctx)
{
	if (silent_opens)
		bpf_tail_call(ctx, &looking, 0);
}

/* Whether this is the file of the request, and not one that was there before or was opened otherwise. */
static __always_inline bool is_opened(struct silent_open *open, struct file *file)
{
	__u64 flags = open->request.args[open->request.opcode == IORING_OP_OPENAT2 ? 3 : 2];

	return file && (__u64)file != open->before && ((READ(struct file, file, f_flags) ^ flags) & O_ALIKE) == 0;
}

/* Whether the requested name is the only one of the file, so that there is nothing left to report. */
static __always_inline bool is_all_told(struct scratch *s, struct file *file)
{
	struct task_struct *task = current_task();
	__u64 mnt = NUMBER(struct file, file, f_path.mnt);
	__u32 before = s->pos;
	bool told;

	if (!is_on_root_of_init(task, mnt) || READ(struct inode, READ(struct file, file, f_inode), i_nlink) != 1)
		return false;
	walk_path(GIVE(s), NUMBER(struct task_struct, task, fs), mnt, NUMBER(struct file, file, f_path.dentry));
	put_reached(s, REACHED_REAL);
	told = is_path_real(GIVE(s), VIEW_PATH, REACHED_REAL);
	__builtin_memset(s->names.reached, 0, sizeof(s->names.reached));
	s->pos = before;
	return told;
}

SEC("raw_tp/sys_exit")
int uring_look(unsigned long long *ctx)
{
	struct silent_key key = {.tgid = current_task()->tgid};
	struct silent_open *open = NULL;
	struct file *file = NULL;
	struct scratch *s;
	__u32 place;
	long ret = 0;

	for (place = 0; place < SILENT_OPENS; place++) {
		key.place = place;
		open = bpf_map_lookup_elem(&silent, &key);
		file = open ? (void *)file_at_place(open, &ret) : NULL;
		if (file && is_opened(open, file))
			break;
		if (open && ++open->looks == SILENT_LOOKS)
			drop_silent(&key);
	}
	if (place == SILENT_OPENS || !open)
		return 0;
	s = start_request(&open->request, open->req, ret, 0);
	drop_silent(&key);
	if (!s || is_all_told(s, file))
		return 0;
	s->file = (__u64)file;
	s->spec.want |= WANT_FILE;
	GO_ON(ctx, s->spec.call, STAGE_OBJECTS);
	return 0;
}

#endif
