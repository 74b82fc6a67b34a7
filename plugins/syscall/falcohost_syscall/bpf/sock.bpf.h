/* A socket: family, state, and the addresses of both its ends. */
#ifndef FALCOHOST_SOCK_BPF_H
#define FALCOHOST_SOCK_BPF_H

#include "scratch.bpf.h"
#include <bpf/bpf_endian.h>

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define UNIX_PATH_MAX 108

static __always_inline void put_unix_name(struct scratch *s, __u16 tag, struct unix_sock *sock)
{
	struct unix_address *address = BPF_CORE_READ(sock, addr);
	char *room = section_room(s);
	__u32 len;

	if (!address || !room)
		return;
	len = BPF_CORE_READ(address, len) - sizeof(__u16); /* sun_family */
	if (!len || len > UNIX_PATH_MAX)
		return;
	if (bpf_probe_read_kernel(room, len, (void *)address + bpf_core_field_offset(struct unix_address, name) + sizeof(__u16)))
		return;
	end_section(s, tag, len);
}

/* A connection that was accepted has its listener's backlog, but not the flag that stays with a socket that has listened. */
static __always_inline bool is_accepted(struct sock *sk)
{
	__u64 listened = 1ull << bpf_core_enum_value(enum sock_flags, SOCK_RCU_FREE);

	return READ(struct sock, sk, sk_max_ack_backlog) && !(READ(struct sock, sk, __sk_common.skc_flags) & listened);
}

static __always_inline void read_inet(struct sockinfo *info, struct sock *sk)
{
	info->lport = READ(struct sock, sk, __sk_common.skc_num);
	info->rport = bpf_ntohs(READ(struct sock, sk, __sk_common.skc_dport));
	if (info->family == AF_INET) {
		*(__u32 *)info->laddr = READ(struct sock, sk, __sk_common.skc_rcv_saddr);
		*(__u32 *)info->raddr = READ(struct sock, sk, __sk_common.skc_daddr);
		return;
	}
	if (!bpf_core_field_exists(sk->__sk_common.skc_v6_daddr))
		return; /* a kernel without IPv6 */
	bpf_core_read(info->laddr, sizeof(info->laddr), &sk->__sk_common.skc_v6_rcv_saddr);
	bpf_core_read(info->raddr, sizeof(info->raddr), &sk->__sk_common.skc_v6_daddr);
}

/* Returns what was put into the record, or NULL. The sections of the names of an AF_UNIX socket have the tags behind tag. */
static __always_inline struct sockinfo *put_socket(struct scratch *s, struct file *file, __u16 tag)
{
	struct socket *socket = READ(struct file, file, private_data);
	struct sock *sk = READ(struct socket, socket, sk);
	struct sockinfo *info = section_room(s);
	struct sock *peer = NULL;
	__u16 family;

	if (!sk || !info)
		return NULL;
	__builtin_memset(info, 0, sizeof(*info));
	family = READ(struct sock, sk, __sk_common.skc_family);
	info->family = family;
	info->type = READ(struct socket, socket, type);
	info->protocol = READ(struct sock, sk, sk_protocol);
	info->state = READ(struct sock, sk, __sk_common.skc_state);
	info->ino = READ(struct inode, READ(struct file, file, f_inode), i_ino);
	if (family == AF_INET || family == AF_INET6) {
		read_inet(info, sk);
		info->accepted = is_accepted(sk);
	}
	if (family == AF_UNIX) {
		peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
		info->sk = (__u64)sk;
		info->peer = (__u64)peer;
	}
	end_section(s, tag, sizeof(*info));
	if (family == AF_UNIX) {
		put_unix_name(s, tag + 1, (struct unix_sock *)sk);
		if (peer)
			put_unix_name(s, tag + 2, (struct unix_sock *)peer);
	}
	return info;
}

#endif
