/* Reads the arguments of a call that are in the memory of the process. */
#ifndef FALCOHOST_USER_MEMORY_BPF_H
#define FALCOHOST_USER_MEMORY_BPF_H

#include "view.bpf.h"

#define AT_FDCWD (-100)
#define SOCKADDR_MAX 128
#define MAX_ARGV 64
#define MAX_IOV 1024 /* the kernel's own limit */

/* How many bytes of data are sent; the verifier knows the number. */
static __always_inline __u32 snaplen(void)
{
	return settings.snaplen < CHUNK ? settings.snaplen : CHUNK;
}

static __always_inline __u64 arg(struct scratch *s, __u8 n)
{
	return n < 6 ? s->header.args[n] : 0;
}

/* Reads a string, at most size bytes; returns its length with the NUL, or a negative number. Before Linux 6.13 the kernel's
 * function returns 0 for an empty string and writes nothing. */
static __always_inline long read_string(char *to, __u32 size, __u64 address)
{
	long len = bpf_probe_read_user_str(to, size, (void *)address);

	if (len)
		return len;
	*to = 0;
	return 1;
}

/* Appends the string at address; false if it is not an absolute path. */
static __always_inline bool put_user_string(struct scratch *s, __u16 tag, __u64 address)
{
	char *room = section_room(s);
	long len;

	if (!address || !room)
		return true;
	len = read_string(room, CHUNK, address);
	if (len <= 0) {
		s->header.flags |= FLAG_UNREADABLE;
		return true;
	}
	if (len == CHUNK)
		s->header.flags |= FLAG_CUT;
	see_text(s, tag, len - 1);
	end_section(s, tag, len - 1);
	return len > 1 && room[0] == '/';
}

static __always_inline void put_user_bytes(struct scratch *s, __u16 tag, __u64 address, __u64 len, __u32 max)
{
	void *room = section_room(s);

	if (!address || !len || !room)
		return;
	if (len > max)
		len = max;
	BOUND(len, CHUNK);
	if (bpf_probe_read_user(room, len, (void *)address))
		s->header.flags |= FLAG_UNREADABLE;
	else
		end_section(s, tag, len);
}

/* The directory at which a relative path starts, or that was passed with the path. */
static __always_inline void put_start(struct scratch *s, struct task_struct *task, __u16 tag, __u8 dir_arg, bool absolute)
{
	__s32 fd = dir_arg < 6 ? (__s32)s->header.args[dir_arg] : AT_FDCWD;
	__u16 dir_tag = tag == SEC_PATH ? SEC_DIR : SEC_DIR2;
	struct file *file;

	if (fd != AT_FDCWD) {
		file = file_of_fd(task, fd);
		if (file)
			put_dir(s, dir_tag, task, &file->f_path);
	} else if (!absolute) {
		put_dir(s, dir_tag, task, &OF(task, fs)->pwd);
	}
}

static __always_inline void put_path_argument(struct scratch *s, struct task_struct *task, __u16 tag, __u8 path_arg,
					      __u8 dir_arg)
{
	bool absolute = put_user_string(s, tag, arg(s, path_arg));

	put_start(s, task, tag, dir_arg, absolute);
}

/* A connected socket knows its other end, while the caller's memory may have changed. A TCP socket sends to no other end,
 * whatever address is passed. */
static __always_inline bool is_connected(struct scratch *s)
{
	if (!s->facts.rport)
		return false;
	if (s->spec.want & WANT_SOCKADDR && s->spec.addr_arg == 1)
		return s->header.ret == 0 || s->header.ret == -EINPROGRESS;
	return s->facts.l4proto == L4_TCP && s->header.ret >= 0;
}

/* The address that the caller passed or received, if any. After a failed call it may belong to no end (bind). */
GLOBAL int put_address(SCRATCH(s), __u64 address, __u32 size)
{
	TAKE_SCRATCH(s);
	struct facts *facts;
	__u32 at, len = 0;

	if (!s)
		return 0;
	facts = &s->facts;
	at = s->address & (RECORD_SIZE - 1);
	if (s->address == ADDRESS_UNREAD) {
		at = (s->pos + sizeof(struct section)) & (RECORD_SIZE - 1);
		put_user_bytes(s, SEC_SOCKADDR, address, size, SOCKADDR_MAX);
		len = s->pos > at ? s->pos - at : 0;
	} else if (at) {
		len = ((struct section *)(s->record + ((at - sizeof(struct section)) & (RECORD_SIZE - 1))))->len;
	}
	facts->addressed = len ? ADDRESSED_YES : ADDRESSED_NO;
	if (len && !is_connected(s))
		see_address(facts, (__u16 *)(s->record + at), len);
	if (facts->kind == FD_UNKNOWN && facts->ip == IP_YES && (!len || s->header.ret >= 0))
		facts->kind = kind_of_ipv6(facts);
	return 0;
}

/* The sender, as recvfrom(2) returned it. */
static __always_inline void put_sender(struct scratch *s, __u64 address, __u64 len_address)
{
	__u32 len = 0;

	if (s->header.ret >= 0 && address)
		bpf_probe_read_user(&len, sizeof(len), (void *)len_address);
	put_address(GIVE(s), address, len);
}

struct iov_context {
	struct scratch *s;
	__u64 iov, size;
	__u32 used, limit, compat;
};

STEP_WITH_SCRATCH(iov_step, struct iov_context, context)
{
	char *room = section_room(context->s);
	__u32 used = context->used;
	__u64 buffer[2] = {}, len;

	if (context->compat) {
		__u32 narrow[2] = {};

		bpf_probe_read_user(narrow, sizeof(narrow), (void *)context->iov + i * sizeof(narrow));
		buffer[0] = narrow[0];
		buffer[1] = narrow[1];
	} else {
		bpf_probe_read_user(buffer, sizeof(buffer), (void *)context->iov + i * sizeof(buffer));
	}
	len = buffer[1];
	context->size += len;
	if (!room || !len || context->limit > CHUNK || used >= context->limit)
		return 0;
	if (len > context->limit - used)
		len = context->limit - used;
	OPAQUE(used);
	if (used > CHUNK || len > CHUNK)
		return 0;
	OPAQUE(used);
	if (bpf_probe_read_user(room + used, len, (void *)buffer[0])) {
		context->s->header.flags |= FLAG_UNREADABLE;
		context->limit = 0;
		return 0;
	}
	context->used = used + len;
	return 0;
}

/* The first bytes in count buffers, and the size of all of them. */
static __always_inline void put_iov(struct scratch *s, __u64 iov, __u64 count)
{
	struct iov_context context = {.s = s, .iov = iov, .compat = s->header.flags & FLAG_COMPAT};

	if (s->header.ret > 0)
		context.limit = s->header.ret < snaplen() ? s->header.ret : snaplen();
	if (iov && count <= MAX_IOV)
		LOOP_WITH_SCRATCH(MAX_IOV, count, iov_step, context);
	s->header.args[5] = context.size;
	if (context.used && context.used <= CHUNK)
		end_section(s, SEC_DATA, context.used);
}

/* A struct msghdr: its receiver or sender, and its data. */
static __always_inline void put_message(struct scratch *s, __u64 address)
{
	__u64 name, namelen, iov, count, control, controllen;

	if (s->header.flags & FLAG_COMPAT) {
		__u32 head[6] = {};

		bpf_probe_read_user(head, sizeof(head), (void *)address);
		name = head[0];
		namelen = head[1];
		iov = head[2];
		count = head[3];
		control = head[4];
		controllen = head[5];
	} else {
		__u64 head[6] = {};

		bpf_probe_read_user(head, sizeof(head), (void *)address);
		name = head[0];
		namelen = (__u32)head[1];
		iov = head[2];
		count = head[3];
		control = head[4];
		controllen = head[5];
	}
	put_address(GIVE(s), name, namelen);
	put_iov(s, iov, count);
	if (s->spec.want & WANT_CONTROL && s->header.ret >= 0)
		put_user_bytes(s, SEC_CONTROL, control, controllen, CHUNK);
}

struct argv_context {
	struct scratch *s;
	__u64 argv;
	__u32 len, compat, whole;
};

STEP_WITH_SCRATCH(argv_step, struct argv_context, context)
{
	struct scratch *s = context->s;
	char *room = section_room(s);
	__u32 used = context->len;
	__u64 string = 0;
	long len;

	if (!room || used > CHUNK - 1)
		return 1;
	OPAQUE(used);
	bpf_probe_read_user(&string, context->compat ? 4 : 8, (void *)context->argv + i * (context->compat ? 4 : 8));
	if (!string) {
		context->whole = 1;
		return 1;
	}
	len = read_string(room + used, CHUNK - used, string);
	if (len <= 0) {
		s->header.flags |= FLAG_UNREADABLE;
		return 1;
	}
	context->len = used + len;
	return 0;
}

/* The argument vector of an exec that failed; nothing of it has reached a new address space. */
static __always_inline void put_argv(struct scratch *s, __u64 argv)
{
	struct argv_context context = {.s = s, .argv = argv, .compat = s->header.flags & FLAG_COMPAT};

	if (!argv)
		return;
	LOOP_WITH_SCRATCH(MAX_ARGV, MAX_ARGV, argv_step, context);
	if (!context.whole)
		s->header.flags |= FLAG_CUT;
	if (context.len && context.len <= CHUNK)
		end_section(s, SEC_ARGS, context.len);
}

#endif
