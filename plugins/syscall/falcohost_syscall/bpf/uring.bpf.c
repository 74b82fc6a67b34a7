/* Reports io_uring requests as the calls with the same effect. A request is read when it is submitted (its texts are then
 * the kernel's own copies) and becomes an event when it is completed. */
#include "request.bpf.h"

#define REQUESTS 256 /* that have been submitted and not completed: further ones become events at once */
#define MAX_OPCODES 64
#define SHOTS 4 /* operations that may be completed again and again */
#define REQ_F_CQE_SKIP (1 << IOSQE_CQE_SKIP_SUCCESS_BIT)

/* By opcode: the call whose event it becomes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_OPCODES);
	__type(key, __u32);
	__type(value, struct call_spec);
} uring_calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, REQUESTS);
	__type(key, __u64);
	__type(value, struct request);
} requests SEC(".maps");

/* Among the requests that may be completed repeatedly: which one. The kernel identifies such completions only by the number
 * that the user gave. */
struct shot {
	__u64 ring, user_data, opcode;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, REQUESTS);
	__type(key, struct shot);
	__type(value, __u64);
} shots SEC(".maps");

/* Appends a text of the request, and the directory at which a relative path starts. */
static __noinline int put_text(struct scratch *s, struct request *r, __u32 which, __u16 tag)
{
	struct task_struct *task = current_task();
	__u32 len;
	char *room;

	if (!s || !r)
		return 0;
	room = section_room(s);
	which &= 1;
	len = r->lengths[which];
	if (!room || !len)
		return 0;
	barrier_var(len);
	if (len > CHUNK - 1)
		return 0;
	bpf_probe_read_kernel(room, len, r->texts[which]);
	see_text(s, tag, len);
	end_section(s, tag, len);
	if (tag != SEC_STR)
		put_start(s, task, tag, tag == SEC_PATH ? s->spec.dir_arg : s->spec.dir2_arg, room[0] == '/');
	return 0;
}

static __noinline int put_kept_address(struct scratch *s, struct request *r)
{
	char *room;
	__u32 len;

	if (!s || !r)
		return 0;
	s->address = r->addressed ? 0 : ADDRESS_UNREAD;
	room = section_room(s);
	len = r->address_len;
	if (!room || !len)
		return 0;
	barrier_var(len);
	if (len > SOCKADDR_MAX)
		return 0;
	bpf_probe_read_kernel(room, len, r->texts[1]);
	s->address = s->pos + sizeof(struct section);
	end_section(s, SEC_SOCKADDR, len);
	return 0;
}

#define FILE_POINTER ~7UL /* the other bits say how the file is read */

/* The file in a slot of the ring's own table. */
static __always_inline __u64 file_in_slot(struct io_ring_ctx *ring, __u32 slot)
{
	struct io_ring_ctx___before_6_13 *old = (void *)ring;
	struct io_rsrc_node **nodes;
	__u64 files;

	if (bpf_core_field_exists(old->file_table.files)) {
		files = NUMBER(struct io_ring_ctx___before_6_13, old, file_table.files);
		return number_at((void *)files + slot * sizeof(files)) & FILE_POINTER;
	}
	nodes = READ(struct io_ring_ctx, ring, file_table.data.nodes);
	return READ(struct io_rsrc_node, pointer_at(nodes + slot), file_ptr) & FILE_POINTER;
}

/* The file of the event, if a descriptor's number does not give it. */
static __always_inline void find_file(struct scratch *s, struct request *r, struct io_kiocb *req, long ret)
{
	struct io_ring_ctx *ring = READ(struct io_kiocb, req, ctx);

	if (s->spec.fd_arg == RET_ARG) {
		if (ret < 0)
			return;
		if (s->header.flags & FLAG_UNFINISHED)
			s->spec.want &= ~WANT_FD; /* which file it is cannot be told */
		else if (!r->slot)
			return;
		s->file = file_in_slot(ring, r->slot == IORING_FILE_INDEX_ALLOC ? ret : r->slot - 1);
		if (!s->file)
			s->spec.want &= ~WANT_FD;
	} else if (r->opcode != IORING_OP_SPLICE) {
		s->file = (__u64)READ(struct io_kiocb, req, file);
	} else if (r->args[5] & SPLICE_F_FD_IN_FIXED) {
		s->file = file_in_slot(ring, r->args[0]);
	} else {
		return;
	}
	if (s->file)
		s->spec.want |= WANT_FILE;
}

/* Builds the record of a request like that of a call when it returns, but without its file; NULL: nobody asks for it. */
static __always_inline struct scratch *start_request(struct request *r, __u64 req, long ret, __u32 flags)
{
	struct task_struct *task = current_task();
	struct scratch *s;
	__u32 opcode = r->opcode;
	struct call_spec *spec = bpf_map_lookup_elem(&uring_calls, &opcode);
	__u64 began = begin();

	if (!spec || !spec->call || !task->mm || unwanted(spec, task->tgid, ret))
		return NULL;
	s = start_call(spec, task, ret, began);
	if (!s)
		return NULL;
	s->spec.want &= ~(WANT_STR | WANT_HOW | WANT_ENTERED);
	s->header.flags = FLAG_URING | flags;
	if (s->spec.want & WANT_REACHED && !(flags & FLAG_UNFINISHED))
		take_reached(GIVE(s), req);
	__builtin_memcpy(s->header.args, r->args, sizeof(r->args));
	fill_caller(&s->header, task);
	s->facts.flags = arg(s, s->spec.flags_arg);
	put_text(s, r, 0, SEC_PATH);
	put_text(s, r, 1, spec->want & WANT_PATH2 ? SEC_PATH2 : SEC_STR);
	s->names.gathered = GATHERED_PATHS;
	put_kept_address(s, r);
	return s;
}

/* The same with its file; returns the call whose filter is to be asked next, or 0. */
static __always_inline int start_with_file(struct request *r, struct io_kiocb *req, long ret, __u32 flags)
{
	struct scratch *s = start_request(r, (__u64)req, ret, flags);

	if (!s)
		return 0;
	find_file(s, r, req, ret);
	return s->spec.call;
}

static __always_inline struct shot shot_of(struct io_kiocb *req, __u32 opcode)
{
	return (struct shot){(__u64)READ(struct io_kiocb, req, ctx), READ(struct io_kiocb, req, cqe.user_data), opcode};
}

/* Remembers a request until it is completed; false if there is no room. */
static __always_inline bool keep_request(struct request *r, struct io_kiocb *req)
{
	struct shot shot = shot_of(req, r->opcode);
	__u64 key = (__u64)req;

	r->tid = current_task()->pid;
	if (bpf_map_update_elem(&requests, &key, r, BPF_ANY))
		return false;
	if (is_multishot(req, r->opcode))
		bpf_map_update_elem(&shots, &shot, &key, BPF_ANY);
	return true;
}

#include "silent.bpf.h"

SEC("raw_tp/io_uring_submit_req")
int uring_submit(unsigned long long *ctx)
{
	struct io_kiocb *req = (void *)ctx[0];
	__u32 opcode = READ(struct io_kiocb, req, opcode), call;
	struct call_spec *spec = bpf_map_lookup_elem(&uring_calls, &opcode);
	struct scratch *spare;
	struct request *r;
	bool silent;

	if (!spec || !spec->call) {
		look_for_silent(ctx);
		return 0;
	}
	spare = get_scratch(1);
	if (!spare) {
		count_lost(LOST_SCRATCH);
		return 0;
	}
	r = (void *)spare->record;
	read_request(r, req, opcode);
	silent = READ(struct io_kiocb, req, flags) & REQ_F_CQE_SKIP; /* it asks for no completion if all goes well */
	if (!silent && keep_request(r, req)) {
		look_for_silent(ctx);
		return 0;
	}
	if (silent)
		keep_silent((void *)r, (__u64)req);
	call = start_with_file(r, req, 0, FLAG_UNFINISHED);
	if (call)
		GO_ON(ctx, call, STAGE_OBJECTS);
	return 0;
}

static const __u8 shot_opcodes[SHOTS] = {IORING_OP_ACCEPT, IORING_OP_RECV, IORING_OP_RECVMSG, IORING_OP_READ_MULTISHOT};

/* Whether a request can have been completed like this: two may have the same number. */
static __always_inline bool fits(__u64 key, __u64 opcode, long res)
{
	struct request *r = bpf_map_lookup_elem(&requests, &key);
	struct file *file;

	if (!r || opcode != IORING_OP_ACCEPT || r->slot || res < 0)
		return r;
	file = file_of_fd(current_task(), res);
	return (READ(struct inode, READ(struct file, file, f_inode), i_mode) & S_IFMT) == S_IFSOCK;
}

/* The request that is completed but not finished; 0 if it is none that is remembered. */
static __always_inline __u64 completed_shot(unsigned long long *ctx, long *res)
{
	struct shot shot = {.ring = ctx[0]};
	__u64 *found;

	if (bpf_core_type_matches(btf_trace_io_uring_complete___cqe)) {
		shot.user_data = READ(struct io_uring_cqe, (void *)ctx[2], user_data);
		*res = READ(struct io_uring_cqe, (void *)ctx[2], res);
	} else {
		shot.user_data = ctx[2];
		*res = (__s32)ctx[3];
	}
	for (int i = 0; i < SHOTS; i++) {
		shot.opcode = shot_opcodes[i];
		found = bpf_map_lookup_elem(&shots, &shot);
		if (found && fits(*found, shot.opcode, *res))
			return *found;
	}
	return 0;
}

/* Whether the files that its paths lead to may have been kept. */
static __always_inline bool is_on_names(__u32 opcode)
{
	return opcode >= IORING_OP_RENAMEAT && opcode <= IORING_OP_LINKAT;
}

static __always_inline void let_go_of(struct request *r, struct io_kiocb *req)
{
	struct shot shot = shot_of(req, r->opcode);
	__u64 key = (__u64)req;

	if (is_on_names(r->opcode))
		bpf_map_delete_elem(&reached, &key);

	if (is_multishot(req, r->opcode))
		bpf_map_delete_elem(&shots, &shot);
	bpf_map_delete_elem(&requests, &key);
}

static long forget_request(void *map, __u64 *key, struct request *r, __u32 *tid)
{
	if (r->tid == *tid)
		bpf_map_delete_elem(&requests, key);
	return 0;
}

static long forget_shot(void *map, struct shot *shot, __u64 *key, void *unused)
{
	if (!bpf_map_lookup_elem(&requests, key))
		bpf_map_delete_elem(&shots, shot);
	return 0;
}

/* The kernel does not report requests that are given up when their thread ends. */
static __always_inline void forget_requests(struct task_struct *task)
{
	__u32 tid = task->pid;

	if (!bpf_core_field_exists(task->io_uring) || !task->io_uring)
		return;
	bpf_for_each_map_elem(&requests, forget_request, &tid, 0);
	bpf_for_each_map_elem(&shots, forget_shot, NULL, 0);
}

/* An open that was not remembered at submission: there was no room, or the probe was not loaded. Its path is lost. */
static __always_inline struct request *unfollowed(struct io_kiocb *req, long res)
{
	__u32 opcode = READ(struct io_kiocb, req, opcode);
	struct call_spec *spec = bpf_map_lookup_elem(&uring_calls, &opcode);
	struct scratch *spare;
	struct request *r;

	if (!req || res < 0 || !spec || !spec->call || (opcode != IORING_OP_OPENAT && opcode != IORING_OP_OPENAT2))
		return NULL;
	spare = get_scratch(1);
	if (!spare) {
		count_lost(LOST_SCRATCH);
		return NULL;
	}
	r = (void *)spare->record;
	read_request(r, req, opcode);
	r->lengths[0] = 0;
	return r;
}

SEC("raw_tp/io_uring_complete")
int uring_complete(unsigned long long *ctx)
{
	__u64 key = ctx[1];
	long res;
	struct request *r;
	struct io_kiocb *req;
	bool followed;
	__u32 call;

	if (key)
		res = READ(struct io_kiocb, (void *)key, cqe.res);
	else
		key = completed_shot(ctx, &res);
	req = (void *)key;
	r = bpf_map_lookup_elem(&requests, &key);
	followed = r;
	if (!followed) {
		if (silent_opens && key && res < 0)
			forget_silent(current_task()->tgid, key);
		r = unfollowed(req, res);
	}
	if (!r) {
		look_for_silent(ctx);
		return 0;
	}
	call = start_with_file(r, req, res, 0);
	if (followed && ctx[1])
		let_go_of(r, req);
	if (call)
		GO_ON(ctx, call, STAGE_OBJECTS);
	return 0;
}
