/* Arguments of a call that lie in the memory of the process. */
#ifndef FALCOHOST_USER_MEMORY_BPF_H
#define FALCOHOST_USER_MEMORY_BPF_H

#include "fd.bpf.h"

#define AT_FDCWD (-100)
#define SOCKADDR_MAX 128
#define SNAPLEN 80
#define MAX_ARGV 64

static __always_inline __u64 arg(struct scratch *s, __u8 n)
{
	return n < 6 ? s->header.args[n] : 0;
}

/* Reads a string, at most size bytes; returns its length with the NUL, or a negative number. For an empty string the
 * kernel's own function returns 0, and writes nothing, before 6.13. */
static __always_inline long read_string(char *to, __u32 size, __u64 address)
{
	long len = bpf_probe_read_user_str(to, size, (void *)address);

	if (len)
		return len;
	*to = 0;
	return 1;
}

/* Appends the string at address; false if it is not an absolute path, so that its directory matters. */
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
	if (bpf_probe_read_user(room, len, (void *)address))
		s->header.flags |= FLAG_UNREADABLE;
	else
		end_section(s, tag, len);
}

/* The directory from which a relative path starts. */
static __always_inline void put_directory(struct scratch *s, __u16 tag, struct task_struct *task, __u8 dir_arg)
{
	__s32 fd = dir_arg < 6 ? (__s32)s->header.args[dir_arg] : AT_FDCWD;
	struct file *file;

	if (fd == AT_FDCWD)
		return put_path(s, tag, task, &task->fs->pwd);
	file = file_of_fd(task, fd);
	if (file)
		put_path(s, tag, task, &file->f_path);
}

/* The name that sendmsg(2) was given; of sendmmsg(2) the first. */
static __always_inline void put_message_name(struct scratch *s, __u64 address)
{
	__u64 name = 0;
	__u32 len = 0;

	if (s->header.flags & FLAG_COMPAT) {
		__u32 head[2] = {};

		bpf_probe_read_user(head, sizeof(head), (void *)address);
		name = head[0];
		len = head[1];
	} else {
		__u64 head[2] = {};

		bpf_probe_read_user(head, sizeof(head), (void *)address);
		name = head[0];
		len = (__u32)head[1];
	}
	put_user_bytes(s, SEC_SOCKADDR, name, len, SOCKADDR_MAX);
}

struct argv_context {
	struct scratch *s;
	__u64 argv;
	__u32 len, compat;
};

static int argv_step(__u32 i, struct argv_context *context)
{
	struct scratch *s = context->s;
	char *room = section_room(s);
	__u32 used = context->len;
	__u64 string = 0;
	long len;

	if (!room || used > CHUNK - 1)
		return 1;
	bpf_probe_read_user(&string, context->compat ? 4 : 8, (void *)context->argv + i * (context->compat ? 4 : 8));
	if (!string)
		return 1;
	len = read_string(room + used, CHUNK - used, string);
	if (len <= 0) {
		s->header.flags |= FLAG_UNREADABLE;
		return 1;
	}
	context->len = used + len;
	return 0;
}

/* The argument vector of an exec that failed: nothing of it has reached a new address space. */
static __always_inline void put_argv(struct scratch *s, __u64 argv)
{
	struct argv_context context = {.s = s, .argv = argv, .compat = s->header.flags & FLAG_COMPAT};

	if (!argv)
		return;
	bpf_loop(MAX_ARGV, argv_step, &context, 0);
	if (context.len && context.len <= CHUNK)
		end_section(s, SEC_ARGS, context.len);
}

#endif
