/* What is collected only of events that have passed the filters, and only if rules ask for it: the process's resources and
 * descriptors as they are at this moment, and further parameters of the call. */
#ifndef FALCOHOST_PRESENT_BPF_H
#define FALCOHOST_PRESENT_BPF_H

#include "execed.bpf.h"
#include "sock.bpf.h"
#include "user_memory.bpf.h"

#define RLIMIT_NOFILE 7
#define MM_FILEPAGES 0
#define MM_ANONPAGES 1
#define MM_SWAPENTS 2
#define MM_SHMEMPAGES 3
#define BITS 64              /* in a word of open_fds */
#define MAX_DESCRIPTORS FORM(1 << 20, 1 << 17)
#define TYPES_TOLD FORM(DESCRIPTORS_TOLD, 2048)
#define MOST_POLLED 64       /* descriptors of a poll that are told */

/* A counter of an address space; the kernel adds to it in batches, so it may be some pages behind. */
static __always_inline __u64 pages(struct mm_struct *mm, __u32 which)
{
	struct mm_struct___before_6_2 *old = (void *)mm;
	long long count;

	if (bpf_core_field_exists(old->rss_stat.count))
		count = number_at((void *)mm + bpf_core_field_offset(struct mm_struct___before_6_2, rss_stat) +
				  bpf_core_field_offset(struct mm_rss_stat, count) + which * sizeof(long));
	else
		count = number_at((void *)mm + bpf_core_field_offset(struct mm_struct, rss_stat) +
				  which * bpf_core_type_size(struct percpu_counter) +
				  bpf_core_field_offset(struct percpu_counter, count));
	return count > 0 ? count : 0;
}

struct fds_walk {
	__u64 at; /* the words of open_fds, or the files */
	__u32 count, types;
};

STEP_WITH(count_step, struct fds_walk, walk)
{
	walk->count += __builtin_popcountll(number_at((void *)walk->at + i * sizeof(__u64)));
	return 0;
}

/* The number of open descriptors. */
GLOBAL __u32 count_fds(__u64 table)
{
	struct fds_walk walk = {.at = NUMBER(struct fdtable, table, open_fds)};
	__u32 most = READ(struct fdtable, (void *)table, max_fds);

	if (most > MAX_DESCRIPTORS)
		most = MAX_DESCRIPTORS;
	LOOP_WITH(MAX_DESCRIPTORS / BITS, most / BITS, count_step, walk);
	return walk.count;
}

static __always_inline void put_resources(struct scratch *s, struct task_struct *task)
{
	struct resources *r = section_room(s);
	struct mm_struct *mm = OF(task, mm);
	struct signal_struct *signal = OF(task, signal);

	if (!r)
		return;
	__builtin_memset(r, 0, sizeof(*r));
	if (mm) {
		r->size = OF(mm, total_vm);
		r->resident = pages(mm, MM_FILEPAGES) + pages(mm, MM_ANONPAGES) + pages(mm, MM_SHMEMPAGES);
		r->swapped = pages(mm, MM_SWAPENTS);
	}
	r->major = OF(task, maj_flt);
	r->minor = OF(task, min_flt);
	r->fd_limit = READ(struct rlimit, (void *)signal + bpf_core_field_offset(struct signal_struct, rlim) +
			   RLIMIT_NOFILE * bpf_core_type_size(struct rlimit), rlim_cur);
	r->threads = OF(signal, nr_threads);
	if (OF(task, files))
		r->fds = count_fds(NUMBER(struct files_struct, OF(task, files), fdt));
	end_section(s, SEC_RESOURCES, sizeof(*r));
}

static __always_inline __u32 type_of_socket(struct file *file)
{
	struct socket *socket = READ(struct file, file, private_data);
	struct sock *sk = READ(struct socket, socket, sk);
	struct sockinfo info = {};
	struct facts facts = {};

	info.family = READ(struct sock, sk, __sk_common.skc_family);
	switch (info.family) {
	case AF_INET:
		return TYPE_IPV4;
	case AF_UNIX:
		return TYPE_UNIX;
	case AF_NETLINK:
		return TYPE_NETLINK;
	case AF_INET6:
		read_inet(&info, sk);
		__builtin_memcpy(facts.local, info.laddr, sizeof(facts.local));
		__builtin_memcpy(facts.remote, info.raddr, sizeof(facts.remote));
		return kind_of_ipv6(&facts) == FD_IPV4 ? TYPE_IPV4 : TYPE_IPV6;
	}
	return TYPE_OTHER;
}

struct anonymous_type {
	char name[8]; /* the first bytes of the name that the kernel gives the file */
	__u32 type;
};

#define ANONYMOUS_TYPES 14
static const struct anonymous_type anonymous_types[ANONYMOUS_TYPES] = {
	{"[eventfd", TYPE_EVENT}, {"[signalf", TYPE_SIGNALFD}, {"[eventpo", TYPE_EVENTPOLL}, {"inotify", TYPE_INOTIFY},
	{"[timerfd", TYPE_TIMERFD}, {"bpf-map", TYPE_BPF}, {"bpf-prog", TYPE_BPF}, {"bpf_link", TYPE_BPF}, {"bpf-link", TYPE_BPF},
	{"bpf_iter", TYPE_BPF}, {"[userfau", TYPE_USERFAULTFD}, {"[io_urin", TYPE_IO_URING}, {"[pidfd]", TYPE_PIDFD},
	{"bpf-map-", TYPE_BPF},
};

static __always_inline __u32 type_of_anonymous(struct file *file)
{
	struct dentry *dentry = READ(struct file, file, f_path.dentry);
	__u64 name = 0;

	bpf_probe_read_kernel_str(&name, sizeof(name), READ(struct dentry, dentry, d_name.name));
	for (int i = 0; i < ANONYMOUS_TYPES; i++) {
		/* The helper has put a NUL in the place of the eighth byte. */
		__u64 known = *(const __u64 *)anonymous_types[i].name << 8 >> 8;

		if (name == known)
			return anonymous_types[i].type;
	}
	return TYPE_OTHER;
}

/* The type of a descriptor's file as an enum fd_type. */
GLOBAL __u32 type_of_file(__u64 address)
{
	struct file *file = (void *)address;
	struct inode *inode = READ(struct file, file, f_inode);
	__u64 magic = READ(struct super_block, READ(struct inode, inode, i_sb), s_magic);

	switch (READ(struct inode, inode, i_mode) & S_IFMT) {
	case S_IFDIR:
		return TYPE_DIRECTORY;
	case S_IFIFO:
		return TYPE_PIPE;
	case S_IFSOCK:
		return type_of_socket(file);
	}
	if (magic == ANON_INODE_FS_MAGIC)
		return type_of_anonymous(file);
	if (magic == PIDFS_MAGIC)
		return TYPE_PIDFD;
	return is_memfd(file) ? TYPE_MEMFD : TYPE_FILE;
}

STEP_WITH(types_step, struct fds_walk, walk)
{
	__u64 file = number_at((void *)walk->at + i * sizeof(__u64));

	if (file)
		walk->types |= 1 << (type_of_file(file) & 31);
	return 0;
}

static __always_inline void put_fd_types(struct scratch *s, struct task_struct *task)
{
	struct fds_walk walk = {};
	__u32 *types = section_room(s);
	__u32 most;

	if (!types || !OF(task, files))
		return;
	walk.at = (__u64)OF(OF(OF(task, files), fdt), fd);
	most = OF(OF(OF(task, files), fdt), max_fds);
	if (most > TYPES_TOLD)
		most = TYPES_TOLD;
	LOOP_WITH(TYPES_TOLD, most, types_step, walk);
	*types = walk.types;
	end_section(s, SEC_FD_TYPES, sizeof(*types));
}

/* One of the process's descriptors, with its path or its socket. */
GLOBAL int put_of_fd(SCRATCH(s), __s32 number)
{
	TAKE_SCRATCH(s);
	struct task_struct *task = current_task();
	struct of_fd *of;
	struct inode *inode;
	struct file *file;
	__u16 mode;

	if (!s || !OF(task, files))
		return 0;
	file = file_of_fd(task, number);
	of = section_room(s);
	if (!file || !of)
		return 0;
	inode = READ(struct file, file, f_inode);
	mode = READ(struct inode, inode, i_mode);
	of->number = number;
	of->pad = 0;
	read_fdinfo(&of->info, file, inode, mode);
	end_section(s, SEC_OF_FD, sizeof(*of));
	if ((mode & S_IFMT) == S_IFSOCK && put_socket(s, file, SEC_OF_FD_SOCK))
		return 0;
	put_path(s, SEC_OF_FD_PATH, task, &file->f_path);
	return 0;
}

/* A further value that the call was passed by its address. What cannot be read is left out. */
GLOBAL int put_value(SCRATCH(s), __u32 spec, __u32 tag)
{
	TAKE_SCRATCH(s);
	__u32 size = spec >> 8 & 0xff, by = spec >> 16 & 0xff, times = 1;
	__u64 address;
	void *room;
	long len;

	if (!s || (spec & 0xff) >= 6)
		return 0;
	address = arg(s, spec & 0xff);
	room = section_room(s);
	if (!room || !address)
		return 0;
	if (by == VALUE_TEXT) {
		len = read_string(room, CHUNK, address);
		if (len > 0)
			end_section(s, tag, len - 1);
		return 0;
	}
	if (by < VALUE_AT + 6) {
		times = arg(s, by & (VALUE_AT - 1));
		if (by >= VALUE_AT && bpf_probe_read_user(&times, sizeof(times), (void *)arg(s, by & (VALUE_AT - 1))))
			return 0;
	}
	if (times > CHUNK)
		times = CHUNK;
	size *= times;
	if (size > CHUNK)
		size = CHUNK;
	barrier_var(size);
	if (!size || size > CHUNK)
		return 0;
	if (bpf_probe_read_user(room, size, (void *)address) == 0)
		end_section(s, tag, size);
	return 0;
}

struct pollfd {
	__s32 fd;
	__u16 events, revents;
};

struct polled {
	struct scratch *s;
	__u64 at;
};

STEP_WITH_SCRATCH(polled_step, struct polled, polled)
{
	struct pollfd one = {.fd = -1};

	bpf_probe_read_user(&one, sizeof(one), (void *)polled->at + i * sizeof(one));
	put_of_fd(GIVE(polled->s), one.fd);
	return 0;
}

static __always_inline void put_polled(struct scratch *s)
{
	struct polled polled = {.s = s, .at = arg(s, 0)};
	__u64 count = arg(s, 1);

	if (count > MOST_POLLED) {
		s->header.flags |= FLAG_CUT;
		count = MOST_POLLED;
	}
	LOOP_WITH_SCRATCH(MOST_POLLED, count, polled_step, polled);
}

/* asks: ASKS_*. */
GLOBAL int put_present(SCRATCH(s), __u32 asks)
{
	TAKE_SCRATCH(s);
	struct task_struct *task = current_task();

	if (!s)
		return 0;
	if (asks & ASKS_VALUES) {
		put_value(GIVE(s), s->spec.value_arg, SEC_VALUE);
		put_value(GIVE(s), s->spec.value2_arg, SEC_VALUE2);
		put_value(GIVE(s), s->spec.value3_arg, SEC_VALUE3);
	}
	if (asks & ASKS_RESOURCES)
		put_resources(s, task);
	if (asks & ASKS_FD_TYPES)
		put_fd_types(s, task);
	if (asks & ASKS_STREAMS)
		for (__s32 number = 0; number < 3; number++)
			put_of_fd(GIVE(s), number);
	if (asks & ASKS_POLLED)
		put_polled(s);
	return 0;
}

#endif
