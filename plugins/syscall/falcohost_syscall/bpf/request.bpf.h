/* Reads an io_uring request when it is submitted, as the arguments of the call with the same effect. */
#ifndef FALCOHOST_REQUEST_BPF_H
#define FALCOHOST_REQUEST_BPF_H

#include "user_memory.bpf.h"
#include <linux/io_uring.h>

#define O_LARGEFILE 0100000 /* io_uring adds it */
#define READV_FIXED 60 /* since Linux 6.15 */
#define WRITEV_FIXED 61

/* A request as the arguments of its call. Texts are the path, then the second path or the additional text; or an
 * address. */
struct request {
	__u64 args[6];
	__u16 lengths[2];
	__u8 opcode;
	__u8 addressed; /* the kernel has a copy of the address that was passed, if one was */
	__u16 address_len;
	__u32 slot; /* the new file gets no descriptor, but a place in a table of the ring's: its number plus one, or any */
	__u32 tid; /* of the thread that asked */
	char texts[2][CHUNK];
};

/* The name that a request asks for. */
#define NAME(type, command, member)							\
	(bpf_core_field_exists(((struct type *)NULL)->member) ?				\
		 READ(struct type, command, member) :					\
		 READ(struct type##___since_7_0, command, member.__incomplete_filename))

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
	r->slot = READ(struct io_open, open, file_slot);
	read_text(r, 0, NAME(io_open, open, filename));
}

static __always_inline void read_attribute(struct request *r, struct io_xattr *command)
{
	struct xattr_name *name = READ(struct io_xattr, command, ctx.kname);
	long len = bpf_probe_read_kernel_str(r->texts[1], CHUNK, name);

	r->lengths[1] = len > 0 ? len - 1 : 0;
}

static __always_inline void read_names(struct request *r, void *command)
{
	switch (r->opcode) {
	case IORING_OP_UNLINKAT:
		r->args[0] = READ(struct io_unlink, command, dfd);
		r->args[2] = READ(struct io_unlink, command, flags);
		read_text(r, 0, NAME(io_unlink, command, filename));
		break;
	case IORING_OP_MKDIRAT:
		r->args[0] = READ(struct io_mkdir, command, dfd);
		r->args[2] = READ(struct io_mkdir, command, mode);
		read_text(r, 0, NAME(io_mkdir, command, filename));
		break;
	case IORING_OP_RENAMEAT:
		r->args[0] = READ(struct io_rename, command, old_dfd);
		r->args[2] = READ(struct io_rename, command, new_dfd);
		r->args[4] = READ(struct io_rename, command, flags);
		read_text(r, 0, NAME(io_rename, command, oldpath));
		read_text(r, 1, NAME(io_rename, command, newpath));
		break;
	case IORING_OP_LINKAT:
		r->args[0] = READ(struct io_link, command, old_dfd);
		r->args[2] = READ(struct io_link, command, new_dfd);
		r->args[4] = READ(struct io_link, command, flags);
		read_text(r, 0, NAME(io_link, command, oldpath));
		read_text(r, 1, NAME(io_link, command, newpath));
		break;
	case IORING_OP_SETXATTR:
		read_text(r, 0, NAME(io_xattr, command, filename));
		read_attribute(r, command);
		break;
	case IORING_OP_SYMLINKAT:
		r->args[1] = READ(struct io_link, command, new_dfd);
		read_text(r, 1, NAME(io_link, command, oldpath));
		read_text(r, 0, NAME(io_link, command, newpath));
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
		r->slot = READ(struct io_accept, command, file_slot);
		break;
	case IORING_OP_SEND:
	case IORING_OP_SEND_ZC:
	case IORING_OP_RECV:
		r->args[1] = (__u64)READ(struct io_sr_msg, command, buf);
		r->args[2] = READ(struct io_sr_msg, command, len);
		r->args[3] = READ(struct io_sr_msg, command, msg_flags);
		break;
	case IORING_OP_SENDMSG:
	case IORING_OP_SENDMSG_ZC:
	case IORING_OP_RECVMSG:
		r->args[1] = (__u64)READ(struct io_sr_msg, command, buf);
		r->args[2] = READ(struct io_sr_msg, command, msg_flags);
		break;
	case IORING_OP_READ:
	case IORING_OP_READ_FIXED:
	case IORING_OP_READ_MULTISHOT:
	case IORING_OP_READV:
	case IORING_OP_WRITE:
	case IORING_OP_WRITE_FIXED:
	case IORING_OP_WRITEV:
	case READV_FIXED:
	case WRITEV_FIXED:
		r->args[1] = READ(struct io_rw, command, addr);
		r->args[2] = READ(struct io_rw, command, len);
	}
}

static __always_inline void read_others(struct request *r, void *command)
{
	switch (r->opcode) {
	case IORING_OP_CLOSE:
		r->args[0] = READ(struct io_close, command, file_slot) ? -1 : READ(struct io_close, command, fd);
		break;
	case IORING_OP_FSETXATTR:
		read_attribute(r, command);
		break;
	case IORING_OP_SHUTDOWN:
		r->args[1] = READ(struct io_shutdown, command, how);
		break;
	case IORING_OP_BIND:
		r->args[2] = READ(struct io_bind, command, addr_len);
		break;
	case IORING_OP_LISTEN:
		r->args[1] = READ(struct io_listen, command, backlog);
		break;
	case IORING_OP_SPLICE:
		r->args[2] = r->args[0];
		r->args[0] = READ(struct io_splice, command, splice_fd_in);
		r->args[4] = READ(struct io_splice, command, len);
		r->args[5] = READ(struct io_splice, command, flags);
	}
}

/* Reads the kernel's own copy of an address, which exists from the submission on since Linux 6.10. */
static __always_inline void read_address(struct request *r, struct io_kiocb *req)
{
	struct io_async_msghdr *msg = READ(struct io_kiocb, req, async_data);
	void *address = (void *)msg + bpf_core_field_offset(struct io_async_msghdr, addr);
	__u32 len = r->args[2];

	if (!msg || bpf_core_type_exists(struct io_async_connect))
		return;
	if (r->opcode != IORING_OP_CONNECT && r->opcode != IORING_OP_BIND) {
		address = READ(struct io_async_msghdr, msg, msg.msg_name);
		len = address ? READ(struct io_async_msghdr, msg, msg.msg_namelen) : 0;
	}
	r->addressed = 1;
	barrier_var(len);
	if (len > SOCKADDR_MAX)
		return;
	if (!bpf_probe_read_kernel(r->texts[1], len, address))
		r->address_len = len;
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
		r->slot = READ(struct io_socket, (void *)req, file_slot);
		return;
	case IORING_OP_UNLINKAT:
	case IORING_OP_MKDIRAT:
	case IORING_OP_RENAMEAT:
	case IORING_OP_LINKAT:
	case IORING_OP_SYMLINKAT:
	case IORING_OP_SETXATTR:
		return read_names(r, req);
	}
	r->args[0] = READ(struct io_kiocb, req, cqe.fd);
	read_transfer(r, req);
	read_others(r, req);
	switch (opcode) {
	case IORING_OP_CONNECT:
	case IORING_OP_BIND:
	case IORING_OP_SEND:
	case IORING_OP_SEND_ZC:
	case IORING_OP_SENDMSG:
	case IORING_OP_SENDMSG_ZC:
		read_address(r, req);
	}
}

static __always_inline bool is_multishot(struct io_kiocb *req, __u32 opcode)
{
	switch (opcode) {
	case IORING_OP_ACCEPT:
		return READ(struct io_accept, (void *)req, iou_flags) & IORING_ACCEPT_MULTISHOT;
	case IORING_OP_RECV:
	case IORING_OP_RECVMSG:
		return READ(struct io_sr_msg, (void *)req, flags) & IORING_RECV_MULTISHOT;
	}
	return opcode == IORING_OP_READ_MULTISHOT;
}

#endif
