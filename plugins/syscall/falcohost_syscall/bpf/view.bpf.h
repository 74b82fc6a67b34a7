/* The facts that filters read of an event: texts by their places in the record, the rest as numbers. */
#ifndef FALCOHOST_VIEW_BPF_H
#define FALCOHOST_VIEW_BPF_H

#include "fd.bpf.h"
#include "sock.bpf.h"

#define S_IFREG 0100000
#define S_IFIFO 0010000
#define AF_NETLINK 16

/* Whether the event's file is opened by the path that was passed. */
static __always_inline bool is_opening(struct scratch *s)
{
	return s->spec.want & WANT_PATH && s->spec.fd_arg == RET_ARG;
}

static __always_inline void know_nothing(struct facts *facts)
{
	for (int i = 0; i < VIEWS; i++)
		facts->views[i] = (struct view){0, VIEW_UNKNOWN};
	facts->kind = FD_UNKNOWN;
	facts->l4proto = L4_UNKNOWN;
	facts->ip = IP_UNKNOWN;
	facts->addressed = ADDRESSED_UNKNOWN;
	facts->connected = CONNECTED_UNKNOWN;
	facts->led_to = 0;
	facts->made = MADE_UNKNOWN;
	facts->names.real = facts->environment = (struct view){0, VIEW_UNKNOWN};
}

static __always_inline void see(struct facts *facts, enum view_index index, __u16 at, __u16 len)
{
	facts->views[index].at = at;
	facts->views[index].len = len;
}

/* A string that the caller passed, which becomes the record's next section. */
static __always_inline void see_text(struct scratch *s, __u16 tag, __u32 len)
{
	enum view_index index = tag == SEC_PATH ? VIEW_PATH : tag == SEC_PATH2 ? VIEW_PATH2 : VIEW_STR;

	see(&s->facts, index, s->pos + sizeof(struct section), len);
}

/* Neither fd.directory nor fd.filename. */
static __always_inline void see_no_parts(struct facts *facts)
{
	see(facts, VIEW_DIRECTORY, 0, VIEW_ABSENT);
	see(facts, VIEW_FILENAME, 0, VIEW_ABSENT);
}

/* What is opened by a path is a file, as in Falco, or a directory. */
static __always_inline __u8 kind_of_file(struct file *file, __u32 type, bool named, bool opened)
{
	struct inode *inode = READ(struct file, file, f_inode);

	if (type == S_IFDIR)
		return FD_DIRECTORY;
	if (opened)
		return FD_FILE;
	switch (type) {
	case 0:
		return FD_UNKNOWN;
	case S_IFIFO:
		return FD_PIPE;
	case S_IFREG:
		if (!named || READ(struct super_block, READ(struct inode, inode, i_sb), s_magic) == PIDFS_MAGIC)
			return FD_UNKNOWN;
	}
	return FD_FILE;
}

/* The name of the event's file, and its parts; leaf: the length of the last component. */
static __always_inline void see_name(struct facts *facts, __u32 at, __u32 len, __u32 leaf)
{
	see(facts, VIEW_NAME, at, len);
	if (facts->kind == FD_DIRECTORY) {
		see(facts, VIEW_DIRECTORY, at, len);
		see(facts, VIEW_FILENAME, 0, VIEW_ABSENT);
		return;
	}
	if (facts->kind != FD_FILE && facts->kind != FD_NONE)
		return;
	see(facts, VIEW_DIRECTORY, at, len == leaf + 1 ? 1 : len - leaf - 1);
	see(facts, VIEW_FILENAME, at + len - leaf, facts->kind == FD_FILE ? leaf : VIEW_ABSENT);
}

/* A file whose path, if it has one, was just put into the record. */
static __always_inline void see_file(struct scratch *s, struct file *file, __u32 type, __u32 before)
{
	struct facts *facts = &s->facts;
	__u32 at = before + sizeof(struct section);
	bool named = s->pos != before && !s->walk.cut && s->record[at & (RECORD_SIZE - 1)] == '/';

	facts->ip = IP_NO;
	facts->l4proto = L4_NONE;
	facts->connected = CONNECTED_NO;
	facts->kind = kind_of_file(file, type, s->walk.cut || named, is_opening(s));
	if (facts->kind == FD_PIPE)
		see_no_parts(facts);
	if (named) {
		see_name(facts, at, s->pos - at, s->walk.leaf);
		facts->names.real = facts->views[VIEW_NAME];
	} else if (type == S_IFIFO && s->pos == before) {
		see(facts, VIEW_NAME, 0, VIEW_NO_SLASH); /* pipe:[inode] */
		facts->names.real.len = VIEW_ABSENT;
	}
}

static __always_inline void see_no_file(struct facts *facts)
{
	facts->kind = FD_NONE;
	facts->made = MADE_NO;
	facts->l4proto = L4_NONE;
	facts->ip = IP_NO;
	facts->connected = CONNECTED_NO;
	facts->names.real.len = VIEW_ABSENT;
	see(facts, VIEW_FILENAME, 0, VIEW_ABSENT);
}

/* An address as IPv6. */
static __always_inline void map_address(__u8 *to, const __u8 *from, bool old)
{
	if (!old) {
		__builtin_memcpy(to, from, 16);
		return;
	}
	__builtin_memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	__builtin_memcpy(to + 12, from, 4);
}

static __always_inline __u8 l4proto(struct sockinfo *info)
{
	if (info->protocol == 1 || info->protocol == 58)
		return L4_ICMP;
	return info->type == 1 ? L4_TCP : info->type == 2 ? L4_UDP : info->type == 3 ? L4_RAW : L4_NONE;
}

/* The type of an IPv6 socket once its ends are known: with mapped addresses it counts as IPv4. */
static __always_inline __u8 kind_of_ipv6(struct facts *facts)
{
	const __u32 *remote = (void *)facts->remote, *local = (void *)facts->local;
	const __u32 *known = remote[0] | remote[1] | remote[2] | remote[3] ? remote : local;

	return !known[0] && !known[1] && known[2] == bpf_htonl(0xffff) ? FD_IPV4 : FD_IPV6;
}

#define SOCK_STREAM 1
#define TCP_ESTABLISHED 1

/* A datagram socket is connected if it has another end; an AF_UNIX one, if its other end has a name. */
static __always_inline __u8 connected(struct sockinfo *info)
{
	const __u64 *other = (void *)info->raddr;

	if (info->type == SOCK_STREAM)
		return info->state != TCP_ESTABLISHED ? CONNECTED_NO : info->accepted ? CONNECTED_ACCEPTED : CONNECTED_YES;
	if (info->peer)
		return CONNECTED_UNKNOWN;
	return info->rport || other[0] || other[1] ? CONNECTED_YES : CONNECTED_NO;
}

/* addressed: the caller may have passed another end, which decides the type of an IPv6 socket. */
static __always_inline void see_socket(struct facts *facts, struct sockinfo *info, bool addressed)
{
	bool old = info->family == AF_INET;

	see_no_parts(facts);
	facts->connected = connected(info);
	if (info->family != AF_UNIX)
		see(facts, VIEW_NAME, 0, VIEW_NO_SLASH);
	else if (info->peer)
		see(facts, VIEW_NAME, 0, VIEW_ENDS);
	if (!old && info->family != AF_INET6) {
		facts->ip = IP_NO;
		facts->l4proto = L4_NONE;
		facts->kind = info->family == AF_UNIX ? FD_UNIX : info->family == AF_NETLINK ? FD_NETLINK : FD_UNKNOWN;
		return;
	}
	facts->ip = IP_YES;
	facts->l4proto = l4proto(info);
	facts->kind = old ? FD_IPV4 : FD_UNKNOWN;
	map_address(facts->local, info->laddr, old);
	map_address(facts->remote, info->raddr, old);
	facts->lport = info->lport;
	facts->rport = info->rport;
	if (!old && !addressed)
		facts->kind = kind_of_ipv6(facts);
}

/* The address that the caller passed or received is the other end, if it is of the socket's family. */
static __always_inline void see_address(struct facts *facts, __u16 *address, __u32 len)
{
	__u8 *bytes = (__u8 *)address;

	if (facts->ip != IP_YES || len < 8)
		return;
	if (facts->kind == FD_IPV4 ? address[0] != AF_INET : (address[0] != AF_INET6 || len < 24))
		return;
	if (facts->kind == FD_IPV4)
		map_address(facts->remote, bytes + 4, true);
	else
		map_address(facts->remote, bytes + 8, false);
	facts->rport = bpf_ntohs(address[1]);
}

#endif
