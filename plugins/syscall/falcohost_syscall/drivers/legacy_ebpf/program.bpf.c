/* Observes system calls at the kernel's tracepoints, as far as Linux 4.14 allows: no loops but unrolled ones, bounded
 * reads, at most 4096 instructions in a program. BCC compiles it on the host. What an event is made of besides is the
 * task of user space, which also decides which calls are observed (`recipes`).
 *
 * Members of the kernel's structures are read at AT_..., which user space defines where the kernel tells its types
 * (BTF); else the headers say it. */
#include <uapi/linux/ptrace.h>
#include <linux/version.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/mm_types.h>
#include <linux/cgroup-defs.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/fdtable.h>
#include <linux/kernfs.h>
#include <linux/mount.h>
#include <linux/net.h>
#include <linux/tty.h>
#include <linux/tty_driver.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <net/sock.h>
OFFSETS

#define NO_ARGUMENT 255
#define OF_RETURN 254
#define BYTES 128
#define ON 1
#define IS_FORK 2
#define FAILED_ONLY 4
#define SUCCESSFUL_ONLY 8
#define IN_PROGRESS -115
#define TEXT 4096
#define ROOM 16384
#define CALLS 512
#define IS_SOCKET 0140000
#define COMPAT 2
#define OVERLAYFS_MAGIC 0x794c7630
#define UPPER_LAYER 1
#define LOWER_LAYER 2
#define FMODE_CREATED_BIT 0x100000 /* since Linux 4.19 */

/* What is read of a call: `text` are arguments that are texts, `address` is one with an address whose size is the
 * argument `length`, `data` is one with bytes, of which there are as many as the argument `size` says, or the result,
 * or it says itself, from BYTES on. */
struct recipe {
	u8 flags, fd, text[3], address, length, data, size, pad[7];
};

struct end {
	u8 ip[16];
	u16 port;
} __attribute__((packed));

/* The record of an event; its twin is in records.py. Behind it are texts and bytes, of these lengths. */
struct record {
	u64 time, result, arguments[6], cgroup;
	u64 ino, caps[3];
	u32 tid, pid, ptid, vtid, vpid, uid, gid, euid, egid, login, tty, pgid, vpgid, sid;
	u32 number, dev, mode, exit;
	u64 limit;
	u16 length[5];
	u16 family;
	struct end local, remote;
	u16 is_whole;
	char comm[16];
	u8 layer, is_created, is_unconfined;
};

struct scratch {
	struct record record;
	char data[ROOM + TEXT];
};

struct begun {
	u64 number, arguments[6];
};

BPF_ARRAY(recipes, struct recipe, CALLS);
BPF_TABLE("lru_hash", u32, struct begun, begun, 32768);
BPF_PERCPU_ARRAY(scratch, struct scratch, 1);
BPF_PERF_OUTPUT(events);

/* The verifier sees a bound only in the register that is used. In Linux 4.14 it does not learn from a comparison with zero, and
 * allows no size that may be zero: a size is made as one more than what is bounded. */
#define HOLD(number) asm volatile("" : "+r"(number))
#define FETCH(to, from) bpf_probe_read(&(to), sizeof(to), (void *)(from))
#define NUMBER(type, from) ({ type found_ = 0; FETCH(found_, from); found_; })
#define POINTER(from) ((char *)NUMBER(u64, from))

static inline int is_compat(char *task)
{
#ifdef __x86_64__
	return NUMBER(u32, task + AT_task_struct__thread_info + AT_thread_info__status) & COMPAT;
#else
	return 0;
#endif
}

static inline u32 inner(char *pid)
{
	u32 level = NUMBER(u32, pid + AT_pid__level) & 31;
	return NUMBER(u32, pid + AT_pid__numbers + level * SIZE_upid);
}

static inline char *file_of(char *task, u32 fd)
{
	char *table = POINTER(POINTER(task + AT_task_struct__files) + AT_files_struct__fdt);
	if (fd >= NUMBER(u32, table + AT_fdtable__max_fds))
		return 0;
	return POINTER(POINTER(table + AT_fdtable__fd) + 8 * (u64)fd);
}

/* Where a file of overlayfs has its data: behind its inode, struct ovl_inode has the entry in the upper layer. Before Linux 4.19,
 * an open file has the inode of a layer, and only its name that of overlayfs. */
static inline u8 layer_of(char *dentry)
{
	char *inode = POINTER(dentry + AT_dentry__d_inode);
	if (NUMBER(u32, POINTER(dentry + AT_dentry__d_sb) + AT_super_block__s_magic) != OVERLAYFS_MAGIC)
		return 0;
	return POINTER(inode + SIZE_inode) ? UPPER_LAYER : LOWER_LAYER;
}

static inline void tell_file(struct record *record, char *file)
{
	char *inode = POINTER(file + AT_file__f_inode);
	record->ino = NUMBER(u64, inode + AT_inode__i_ino);
	record->mode = NUMBER(u16, inode + AT_inode__i_mode);
	record->dev = NUMBER(u32, POINTER(inode + AT_inode__i_sb) + AT_super_block__s_dev);
	record->is_created = !!(NUMBER(u32, file + AT_file__f_mode) & FMODE_CREATED_BIT);
	record->layer = layer_of(POINTER(file + AT_file__f_path + 8));
}

static inline void tell_socket(struct record *record, char *file)
{
	char *sock = POINTER(POINTER(file + AT_file__private_data) + AT_socket__sk);
	record->family = NUMBER(u16, sock + AT_sock_common__skc_family);
	record->local.port = NUMBER(u16, sock + AT_sock_common__skc_num);
	record->remote.port = NUMBER(u16, sock + AT_sock_common__skc_dport);
	if (record->family == 2) {
		bpf_probe_read(&record->local.ip, 4, sock + AT_sock_common__skc_rcv_saddr);
		bpf_probe_read(&record->remote.ip, 4, sock + AT_sock_common__skc_daddr);
	} else if (record->family == 10) {
		bpf_probe_read(&record->local.ip, 16, sock + AT_sock_common__skc_v6_rcv_saddr);
		bpf_probe_read(&record->remote.ip, 16, sock + AT_sock_common__skc_v6_daddr);
	}
}

/* The init of the pid namespace at this level. */
static inline char *init_of(char *pid, u32 level)
{
	return POINTER(POINTER(pid + AT_pid__numbers + level * SIZE_upid + AT_upid__ns) + AT_pid_namespace__child_reaper);
}

static inline u64 bounds(char *task)
{
	return NUMBER(u64, POINTER(task + AT_task_struct__cred) + AT_cred__cap_bset);
}

/* Whether the init of a task's pid namespace, in the machine's the task, may have every capability that the machine's init may
 * have, and has no seccomp filter. */
static inline u8 is_unconfined(char *task)
{
	char *pid = POINTER(task + AT_task_struct__thread_pid);
	u32 level = NUMBER(u32, pid + AT_pid__level) & 31;
	char *first = level ? init_of(pid, level) : task;
#ifdef CONFIG_SECCOMP
	if (NUMBER(u32, first + AT_task_struct__seccomp))
		return 0;
#endif
	return !(bounds(init_of(pid, 0)) & ~bounds(first));
}

/* The number of the cgroup of version 2. Kernels without the helper have no BTF either, so their headers say where it is. */
static inline u64 cgroup_of(char *task)
{
#if HAS_CGROUP_ID
	return bpf_get_current_cgroup_id();
#elif defined(CONFIG_CGROUPS)
	char *cgroup = POINTER(POINTER(task + offsetof(struct task_struct, cgroups)) + offsetof(struct css_set, dfl_cgrp));
	return NUMBER(u64, POINTER(cgroup + offsetof(struct cgroup, kn)) + offsetof(struct kernfs_node, id));
#else
	return 0;
#endif
}

static inline void tell_thread(struct record *record, char *task)
{
	char *leader = POINTER(task + AT_task_struct__group_leader);
	char *cred = POINTER(task + AT_task_struct__cred);
	u64 ids = bpf_get_current_pid_tgid();
	record->time = bpf_ktime_get_ns();
	record->tid = ids;
	record->pid = ids >> 32;
	record->ptid = NUMBER(u32, POINTER(task + AT_task_struct__real_parent) + AT_task_struct__tgid);
	record->vtid = inner(POINTER(task + AT_task_struct__thread_pid));
	record->vpid = inner(POINTER(leader + AT_task_struct__thread_pid));
	record->euid = NUMBER(u32, cred + AT_cred__euid);
	record->egid = NUMBER(u32, cred + AT_cred__egid);
	bpf_get_current_comm(&record->comm, sizeof(record->comm));
	record->cgroup = cgroup_of(task);
}

static inline u32 put_text(struct scratch *to, u32 at, const void *from)
{
	if (at > ROOM - 1)
		return 0;
	HOLD(at);
	at &= ROOM - 1;
	int found = bpf_probe_read_str(&to->data[at], TEXT, from);
	return found > 0 ? found & (2 * TEXT - 1) : 0;
}

static inline u32 put_bytes(struct scratch *to, u32 at, const void *from, u64 size, u32 most)
{
	if (at > ROOM - 1)
		return 0;
	HOLD(at);
	at &= ROOM - 1;
	if (!size)
		return 0;
	if (size > most)
		size = most;
	u64 behind_first = size - 1;
	HOLD(behind_first);
	behind_first &= TEXT - 1;
	if (bpf_probe_read(&to->data[at], behind_first + 1, from) < 0)
		return 0;
	return behind_first + 1;
}

static inline struct scratch *fresh(void)
{
	u32 zero = 0;
	struct scratch *found = scratch.lookup(&zero);
	if (found)
		__builtin_memset(&found->record, 0, sizeof(found->record));
	return found;
}

static inline void submit(void *context, struct scratch *found, u32 size)
{
	if (size > ROOM + TEXT)
		size = ROOM + TEXT;
	HOLD(size);
	size &= 2 * ROOM - 1;
	size += sizeof(struct record);
	if (size <= sizeof(struct scratch))
		events.perf_submit(context, found, size);
}

TRACEPOINT_PROBE(raw_syscalls, sys_enter)
{
	u32 number = args->id;
	struct recipe *recipe = recipes.lookup(&number);
	if (!recipe || !(recipe->flags & ON))
		return 0;
	struct begun now = {.number = number};
	bpf_probe_read(&now.arguments, sizeof(now.arguments), (void *)args->args);
	u32 tid = bpf_get_current_pid_tgid();
	begun.update(&tid, &now);
	return 0;
}

/* Read in the record, not in a copy on the stack: before Linux 5.12, the verifier allows only fixed places there. */
static inline u64 argument(struct record *of, u64 place)
{
	if (place > 5)
		return 0;
	HOLD(place);
	return of->arguments[place & 7];
}

TRACEPOINT_PROBE(raw_syscalls, sys_exit)
{
	long result = args->ret;
	u32 number = args->id, tid = bpf_get_current_pid_tgid(), size = 0;
	struct recipe *known = recipes.lookup(&number);
	if (!known || !(known->flags & ON))
		return 0;
	struct recipe recipe = *known;
	char *task = (char *)bpf_get_current_task();
	struct begun call = {}, *began = begun.lookup(&tid);
	if (began && began->number == number)
		call = *began;
	else if (!(recipe.flags & IS_FORK) || result)
		return 0;
	begun.delete(&tid);
	if (result < 0 && (ONLY_SUCCESSFUL || ((recipe.flags & SUCCESSFUL_ONLY) && result != IN_PROGRESS)))
		return 0;
	if (is_compat(task) || ((recipe.flags & FAILED_ONLY) && result >= 0))
		return 0;
	struct scratch *found = fresh();
	if (!found)
		return 0;
	struct record *record = &found->record;
	tell_thread(record, task);
	record->number = number;
	record->result = result;
	__builtin_memcpy(record->arguments, call.arguments, sizeof(call.arguments));
	if (recipe.fd != NO_ARGUMENT) {
		long fd = recipe.fd == OF_RETURN ? result : argument(record, recipe.fd);
		char *file = fd < 0 ? 0 : file_of(task, fd);
		if (file) {
			tell_file(record, file);
			if ((record->mode & 0170000) == IS_SOCKET)
				tell_socket(record, file);
		}
	}
#pragma unroll
	for (int i = 0; i < 3; i++) {
		if (recipe.text[i] == NO_ARGUMENT)
			continue;
		u32 added = put_text(found, size, (void *)argument(record, recipe.text[i]));
		record->length[i] = added;
		size += added;
	}
	if (recipe.address != NO_ARGUMENT) {
		u64 length = recipe.length == NO_ARGUMENT ? 128 : argument(record, recipe.length) & 0xffffffff;
		u32 added = put_bytes(found, size, (void *)argument(record, recipe.address), length, 128);
		record->length[3] = added;
		size += added;
	}
	if (recipe.data != NO_ARGUMENT) {
		u64 length = recipe.size == OF_RETURN ? result : argument(record, recipe.size);
		if (recipe.size >= BYTES && recipe.size != OF_RETURN)
			length = recipe.size - BYTES;
		if ((long)length > 0) {
			u32 added = put_bytes(found, size, (void *)argument(record, recipe.data), length, SNAPLEN);
			record->length[4] = added;
			size += added;
		}
	}
	submit(args, found, size);
	return 0;
}

/* The names on the way from a file to the root, the last first. */
static inline u32 put_path(struct scratch *to, u32 at, char *task, char *file)
{
	char *mount = POINTER(file + AT_file__f_path), *dentry = POINTER(file + AT_file__f_path + 8);
	char *fs = POINTER(task + AT_task_struct__fs);
	char *root_mount = POINTER(fs + AT_fs_struct__root), *root = POINTER(fs + AT_fs_struct__root + 8);
	u32 size = 0;
#pragma unroll
	for (int i = 0; i < PARTS; i++) {
		if (dentry == root && mount == root_mount) {
			to->record.is_whole = 1;
			break;
		}
		char *parent = POINTER(dentry + AT_dentry__d_parent);
		if (dentry == POINTER(mount + AT_vfsmount__mnt_root)) {
			/* struct mount: what it is mounted in, and where, are in front of its struct vfsmount. */
			char *above = POINTER(mount - 16);
			if (above + 32 == mount) {
				to->record.is_whole = 1;
				break;
			}
			dentry = POINTER(mount - 8);
			mount = above + 32;
			continue;
		}
		size += put_text(to, at + size, POINTER(dentry + AT_dentry__d_name + 8));
		if (dentry == parent) { /* a file in memory, or one whose mount is gone */
			to->record.is_whole = 1;
			break;
		}
		dentry = parent;
	}
	return size;
}

TRACEPOINT_PROBE(sched, sched_process_exec)
{
	u32 zero = 0, size = 0, added;
	char *task = (char *)bpf_get_current_task();
	u32 number = EXECVE;
	struct recipe *known = recipes.lookup(&number);
	struct scratch *found = fresh();
	if (!found || !known || !(known->flags & ON))
		return 0;
	struct record *record = &found->record;
	tell_thread(record, task);
	record->number = EXECUTED;
	char *mm = POINTER(task + AT_task_struct__mm), *file = POINTER(mm + AT_mm_struct__exe_file);
	char *cred = POINTER(task + AT_task_struct__cred), *signals = POINTER(task + AT_task_struct__signal);
	record->caps[0] = NUMBER(u64, cred + AT_cred__cap_inheritable);
	record->caps[1] = NUMBER(u64, cred + AT_cred__cap_permitted);
	record->caps[2] = NUMBER(u64, cred + AT_cred__cap_effective);
	record->login = NUMBER(u32, task + AT_task_struct__loginuid);
	record->limit = NUMBER(u64, signals + AT_signal_struct__rlim + 16 * 7);
	char *tty = POINTER(signals + AT_signal_struct__tty);
	if (tty) {
		char *driver = POINTER(tty + AT_tty_struct__driver);
		u32 major = NUMBER(u32, driver + AT_tty_driver__major);
		u32 minor = NUMBER(u32, driver + AT_tty_driver__minor_start) + NUMBER(u32, tty + AT_tty_struct__index);
		record->tty = (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
	}
#if HAS_SIGNAL_PIDS
	char *group = POINTER(signals + AT_signal_struct__pids + 8 * 2);
	record->pgid = NUMBER(u32, group + AT_pid__numbers);
	record->vpgid = inner(group);
#endif
	tell_file(record, file);
	record->is_unconfined = is_unconfined(task);
	u64 begin = NUMBER(u64, mm + AT_mm_struct__arg_start), end = NUMBER(u64, mm + AT_mm_struct__arg_end);
	record->length[0] = added = put_bytes(found, size, (void *)begin, end - begin, TEXT - 1);
	size += added;
	begin = NUMBER(u64, mm + AT_mm_struct__env_start);
	end = NUMBER(u64, mm + AT_mm_struct__env_end);
	record->length[1] = added = put_bytes(found, size, (void *)begin, end - begin, TEXT - 1);
	size += added;
	record->length[2] = added = put_text(found, size, (char *)args + (args->data_loc_filename & 0xffff));
	size += added;
	record->length[3] = added = put_path(found, size, task, file);
	size += added;
	submit(args, found, size);
	return 0;
}

TRACEPOINT_PROBE(sched, sched_process_exit)
{
	char *task = (char *)bpf_get_current_task();
	struct scratch *found = fresh();
	if (!found)
		return 0;
	tell_thread(&found->record, task);
	found->record.number = ENDED;
	found->record.exit = NUMBER(u32, task + AT_task_struct__exit_code);
	submit(args, found, 0);
	u32 tid = found->record.tid;
	begun.delete(&tid);
	return 0;
}
