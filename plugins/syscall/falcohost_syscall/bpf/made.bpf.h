/* Facts of calls that create descriptors: both descriptors of a pair, the queue of a listening socket. */
#ifndef FALCOHOST_MADE_BPF_H
#define FALCOHOST_MADE_BPF_H

#include "user_memory.bpf.h"

#define CLONE3 435 /* everywhere */

/* The flags of clone3(2), by the thread that will return from it. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, __u64);
} made_flags SEC(".maps");

/* The two descriptors at the address, and the type of the first. */
static __always_inline void put_pair(struct scratch *s, struct task_struct *task, __u64 address)
{
	struct file *file;
	__s32 fd = -1;

	put_user_bytes(s, SEC_PAIR, address, 2 * sizeof(fd), 2 * sizeof(fd));
	bpf_probe_read_user(&fd, sizeof(fd), (void *)address);
	file = file_of_fd(task, fd);
	if (file && (put_fdinfo(s, file) & S_IFMT) == S_IFSOCK)
		put_socket(s, file, SEC_SOCK);
}

/* The queue of the socket from which accept(2) took a connection. */
static __always_inline void put_queue(struct scratch *s, struct task_struct *task, __s32 fd)
{
	struct file *file = file_of_fd(task, fd);
	struct queue *queue = section_room(s);
	struct sock *sk;

	if (!file || !queue)
		return;
	sk = READ(struct socket, READ(struct file, file, private_data), sk);
	queue->length = READ(struct sock, sk, sk_ack_backlog);
	queue->most = READ(struct sock, sk, sk_max_ack_backlog);
	end_section(s, SEC_QUEUE, sizeof(*queue));
}

#endif
