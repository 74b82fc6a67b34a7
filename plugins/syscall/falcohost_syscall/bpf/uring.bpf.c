/* What is asked for through io_uring, as the call that does the same. A request is read when it is submitted (its
 * texts are then the kernel's own copies) and becomes an event when it is completed. */
#include <linux/io_uring.h>

#define REQUESTS 256 /* that have been submitted and not completed: further ones become events at once */
#define MAX_OPCODES 64
#define REQ_F_CQE_SKIP (1 << IOSQE_CQE_SKIP_SUCCESS_BIT)
#define O_LARGEFILE 0100000 /* io_uring adds it */

/* By opcode: the call whose event it is. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_OPCODES);
	__type(key, __u32);
	__type(value, struct call_spec);
} uring_calls SEC(".maps");

/* A request as the arguments of its call. Texts: the path, and then the second path or the further string. */
struct request {
	__u64 args[6];
	__u16 lengths[2];
	__u8 opcode;
	__u8 direct; /* the new file gets no descriptor, but a place in a table of the ring's */
	__u8 pad[2];
	char texts[2][CHUNK];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, REQUESTS);
	__type(key, __u64);
	__type(value, struct request);
} requests SEC(".maps");

static __always_inline void read_text(struct request *r, __u32 which, struct filename *name)
{
	long len = bpf_probe_read_kernel_str(r->texts[which], CHUNK, READ(struct filename, name, name));

	r->lengths[which] = len > 0 ? len - 1 : 0;
}

static __always_inline void read_open(struct request *r, struct io_open *open, bool how)
{
	__u64 flags = READ(struct io_open, open, how.flags), mode = READ(struct io_open, open, how.mode);

	r->args[0] = READ(struct io_open, open, dfd);
	r->args[2] = how ? 0 : flags & ~O_LARGEFILE;
	r->args[3] = how ? flags : mode;
	r->args[4] = how ? mode : 0;
	r->args[5] = how ? READ(struct io_open, open, how.resolve) : 0;
	r->direct = READ(struct io_open, open, file_slot) != 0;
	read_text(r, 0, READ(struct io_open, open, filename));
}

static __always_inline void read_names(struct request *r, void *command)
{
	switch (r->opcode) {
	case IORING_OP_UNLINKAT:
		r->args[0] = READ(struct io_unlink, command, dfd);
		r->args[2] = READ(struct io_unlink, command, flags);
		read_text(r, 0, READ(struct io_unlink, command, filename));
		break;
	case IORING_OP_MKDIRAT:
		r->args[0] = READ(struct io_mkdir, command, dfd);
		r->args[2] = READ(struct io_mkdir, command, mode);
		read_text(r, 0, READ(struct io_mkdir, command, filename));
		break;
	case IORING_OP_RENAMEAT:
		r->args[0] = READ(struct io_rename, command, old_dfd);
		r->args[2] = READ(struct io_rename, command, new_dfd);
		r->args[4] = READ(struct io_rename, command, flags);
		read_text(r, 0, READ(struct io_rename, command, oldpath));
		read_text(r, 1, READ(struct io_rename, command, newpath));
		break;
	case IORING_OP_LINKAT:
		r->args[0] = READ(struct io_link, command, old_dfd);
		r->args[2] = READ(struct io_link, command, new_dfd);
		r->args[4] = READ(struct io_link, command, flags);
		read_text(r, 0, READ(struct io_link, command, oldpath));
		read_text(r, 1, READ(struct io_link, command, newpath));
		break;
	case IORING_OP_SYMLINKAT:
		r->args[1] = READ(struct io_link, command, new_dfd);
		read_text(r, 1, READ(struct io_link, command, oldpath));
		read_text(r, 0, READ(struct io_link, command, newpath));
	}
}

static __always_inline void read_transfer(struct request *r, void *command)
{
	switch (r->opcode) {
	case IORING_OP_CONNECT:
		r->args[1] = (__u64)READ(struct io_connect, command, addr);
		r->args[2] = READ(struct io_connect, command, addr_len);
		break;
	case IORING_OP_ACCEPT:
		r->args[1] = (__u64)READ(struct io_accept, command, addr);
		r->args[2] = (__u64)READ(struct io_accept, command, addr_len);
		r->args[3] = READ(struct io_accept, command, flags);
		r->direct = READ(struct io_accept, command, file_slot) != 0;
		break;
	case IORING_OP_SEND:
	case IORING_OP_RECV:
		r->args[1] = (__u64)READ(struct io_sr_msg, command, buf);
		r->args[2] = READ(struct io_sr_msg, command, len);
		r->args[3] = READ(struct io_sr_msg, command, msg_flags);
		break;
	case IORING_OP_SENDMSG:
	case IORING_OP_RECVMSG:
		r->args[1] = (__u64)READ(struct io_sr_msg, command, buf);
		r->args[2] = READ(struct io_sr_msg, command, msg_flags);
		break;
	case IORING_OP_READ:
	case IORING_OP_WRITE:
		r->args[1] = READ(struct io_rw, command, addr);
		r->args[2] = READ(struct io_rw, command, len);
	}
}

static __always_inline void read_request(struct request *r, struct io_kiocb *req, __u32 opcode)
{
	__builtin_memset(r, 0, __builtin_offsetof(struct request, texts));
	r->opcode = opcode;
	switch (opcode) {
	case IORING_OP_OPENAT:
	case IORING_OP_OPENAT2:
		return read_open(r, (void *)req, opcode == IORING_OP_OPENAT2);
	case IORING_OP_SOCKET:
		r->args[0] = READ(struct io_socket, (void *)req, domain);
		r->args[1] = READ(struct io_socket, (void *)req, type);
		r->args[2] = READ(struct io_socket, (void *)req, protocol);
		r->direct = READ(struct io_socket, (void *)req, file_slot) != 0;
		return;
	case IORING_OP_UNLINKAT:
	case IORING_OP_MKDIRAT:
	case IORING_OP_RENAMEAT:
	case IORING_OP_LINKAT:
	case IORING_OP_SYMLINKAT:
		return read_names(r, req);
	}
	r->args[0] = READ(struct io_kiocb, req, cqe.fd);
	read_transfer(r, req);
}

/* Appends a text of the request, and where a relative path starts. */
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

/* Makes the record of a request as far as that of a call is made when it returns, and goes on from there. */
static __always_inline int go_on_with(void *ctx, struct request *r, struct io_kiocb *req, long ret, __u32 flags)
{
	struct task_struct *task = current_task();
	struct scratch *s;
	__u32 opcode = r->opcode;
	struct call_spec *spec = bpf_map_lookup_elem(&uring_calls, &opcode);
	__u64 began = begin();

	if (!spec || !spec->call || !task->mm || unwanted(spec, task->tgid, ret))
		return 0;
	s = start_call(spec, ret, began);
	if (!s)
		return 0;
	s->spec.want &= ~(WANT_STR | WANT_HOW);
	s->header.flags = FLAG_URING | flags;
	__builtin_memcpy(s->header.args, r->args, sizeof(r->args));
	fill_caller(&s->header, task);
	s->facts.flags = arg(s, s->spec.flags_arg);
	put_text(s, r, 0, SEC_PATH);
	put_text(s, r, 1, spec->want & WANT_PATH2 ? SEC_PATH2 : SEC_STR);
	s->names.gathered = GATHERED_PATHS;
	if (s->spec.fd_arg != RET_ARG) {
		s->file = (__u64)READ(struct io_kiocb, req, file);
		if (s->file)
			s->spec.want |= WANT_FILE;
	} else if (ret >= 0 && (r->direct || flags & FLAG_UNFINISHED)) {
		s->spec.want &= ~WANT_FD; /* which file it is cannot be told */
	}
	return s->spec.call;
}

SEC("raw_tp/io_uring_submit_req")
int uring_submit(unsigned long long *ctx)
{
	struct io_kiocb *req = (void *)ctx[0];
	__u32 opcode = READ(struct io_kiocb, req, opcode), call;
	struct call_spec *spec = bpf_map_lookup_elem(&uring_calls, &opcode);
	struct scratch *spare;
	struct request *r;
	__u64 key = (__u64)req;

	if (!spec || !spec->call)
		return 0;
	spare = get_scratch(1);
	if (!spare) {
		count_lost(LOST_SCRATCH);
		return 0;
	}
	r = (void *)spare->record;
	read_request(r, req, opcode);
	/* Of one that asks for no completion if all goes well there is none to wait for. */
	if (!(READ(struct io_kiocb, req, flags) & REQ_F_CQE_SKIP) && !bpf_map_update_elem(&requests, &key, r, BPF_ANY))
		return 0;
	call = go_on_with(ctx, r, req, 0, FLAG_UNFINISHED);
	if (call)
		go_on(ctx, call, STAGE_OBJECTS);
	return 0;
}

SEC("raw_tp/io_uring_complete")
int uring_complete(unsigned long long *ctx)
{
	struct io_kiocb *req = (void *)ctx[1];
	struct request *r;
	__u64 key = (__u64)req;
	__u32 call;

	r = bpf_map_lookup_elem(&requests, &key);
	if (!r)
		return 0;
	call = go_on_with(ctx, r, req, READ(struct io_kiocb, req, cqe.res), 0);
	bpf_map_delete_elem(&requests, &key);
	if (call)
		go_on(ctx, call, STAGE_OBJECTS);
	return 0;
}
