/* Programs at the kernel's hooks for security modules, for calls that leave no descriptor: they see the directory entries.
 * Loaded if the kernel allows programs at its functions, attached if a rule asks for the call. */
#include "reached.bpf.h"

/* One for each CPU, apart from those of calls: a program at a function may be preempted (preempt=full). Then began is not 0,
 * and another program that runs meanwhile does without. User space sets max_entries before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} hook_scratches SEC(".maps");


/* By thread: the io_uring request that it performs. One that did not reach a hook may leave its entry behind. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} performed SEC(".maps");

/* The request that the thread performs, if its completion is waited for. */
static __always_inline __u64 request_here(__u32 tid)
{
	__u64 *found = bpf_map_lookup_elem(&performed, &tid), req;

	if (!found)
		return 0;
	req = *found;
	bpf_map_delete_elem(&performed, &tid);
	return bpf_map_lookup_elem(&requests, &req) ? req : 0;
}

/* The settings of the thread's call; NULL if it is in none, or nobody asks for it. */
static __always_inline struct call_spec *spec_here(struct task_struct *task)
{
	struct pt_regs *regs = current_registers();
	__u32 nr;

	if (task->flags & PF_IO_WORKER)
		return NULL;
	nr = table_nr(regs, is_compat(task), 0);
	return bpf_map_lookup_elem(&calls, &nr);
}

/* The settings of the thread's call or request; NULL if nobody asks which files it reaches. */
static __always_inline struct call_spec *wanted_here(struct task_struct *task, __u64 request)
{
	__u32 nr, tgid = task->tgid;
	struct call_spec *spec;

	if (request) {
		nr = READ(struct io_kiocb, (void *)request, opcode);
		spec = bpf_map_lookup_elem(&uring_calls, &nr);
	} else {
		spec = spec_here(task);
	}
	return !spec || !(spec->want & WANT_REACHED) || ignored(tgid) ? NULL : spec;
}

static __always_inline void put_real(struct scratch *s, struct task_struct *task, enum reached_name name,
				     __u64 mnt, __u64 dentry)
{
	walk_path(GIVE(s), NUMBER(struct task_struct, task, fs), mnt, dentry);
	put_reached(s, name);
}

/* Keeps the record as built so far, until the call returns or the request is completed. */
static __always_inline void keep_reached(struct scratch *s, struct task_struct *task, __u64 request)
{
	__u64 key = request ? request : task->pid;

	s->header.start = task->start_boottime;
	s->header.ret = s->pos - sizeof(s->header);
	__builtin_memcpy(s->header.args, s->names.reached, sizeof(s->names.reached));
	bpf_map_update_elem(&reached, &key, s->record, BPF_ANY);
}

/* Finds the names of one or two directory entries; dentry2 is 0 if there is one. */
GLOBAL int reach(__u64 mnt, __u64 dentry, __u64 mnt2, __u64 dentry2)
{
	struct task_struct *task = current_task();
	__u64 request = request_here(task->pid);
	struct call_spec *spec = wanted_here(task, request);
	__u32 cpu = bpf_get_smp_processor_id();
	struct scratch *s = bpf_map_lookup_elem(&hook_scratches, &cpu);

	if (!spec || !s || __sync_lock_test_and_set(&s->began, 1))
		return 0;
	start_record(s, KIND_CALL);
	s->header.call = spec->call;
	__builtin_memset(&s->names, 0, sizeof(s->names));
	put_real(s, task, REACHED_REAL, mnt, dentry);
	if (dentry2)
		put_real(s, task, REACHED_REAL2, mnt2, dentry2);
	put_host(s, REACHED_HOST, mnt, dentry);
	if (dentry2)
		put_host(s, REACHED_HOST2, mnt2, dentry2);
	keep_reached(s, task, request);
	s->began = 0;
	return 0;
}

/* An argument of the function as a number: the verifier would not pass on a pointer. */
static __always_inline __u64 given(void *ctx, __u32 n)
{
	__u64 value = 0;

	bpf_get_func_arg(ctx, n, &value);
	return value;
}

static __always_inline __u64 mount_given(void *ctx, __u32 n)
{
	return NUMBER(struct path, given(ctx, n), mnt);
}

static __always_inline int reach_path(__u64 path)
{
	return reach(NUMBER(struct path, path, mnt), NUMBER(struct path, path, dentry), 0, 0);
}

/* A thread begins to perform a request. */
static __always_inline int perform(void *ctx)
{
	__u32 tid = current_task()->pid;
	__u64 req = given(ctx, 0);

	bpf_map_update_elem(&performed, &tid, &req, BPF_ANY);
	return 0;
}

#define REQUEST(name) SEC("?fentry/" #name) int name(void *ctx) { return perform(ctx); }

REQUEST(io_renameat)
REQUEST(io_unlinkat)
REQUEST(io_mkdirat)
REQUEST(io_symlinkat)
REQUEST(io_linkat)

/* The name of an attribute that is being set, in the kernel's own copy, takes the place of what was in the caller's memory when
 * the call began: that may have been changed before the kernel read it, and changed back. */
GLOBAL int use_attribute(__u64 name)
{
	struct entered *e = OWN(entered);
	__u32 zero = 0;
	struct text_bytes *text = bpf_map_lookup_elem(&entering, &zero);

	if (!e || !text || !e->call || !e->attribute)
		return 0;
	e->attribute = 0; /* file systems set others on top of each other */
	keep_text_of(&e->texts[ENTERED_STR], text, bpf_probe_read_kernel_str(text->words, CHUNK, (void *)name));
	return 0;
}

/* A file gets its descriptor, with which other threads can take it away before the call returns. */
SEC("?fentry/fd_install")
int fd_install(void *ctx)
{
	struct task_struct *task = current_task();
	struct call_spec *spec;
	struct installed *own;

	if (!shares_descriptors(task))
		return 0;
	spec = spec_here(task);
	if (!spec || !gives_descriptor(spec))
		return 0;
	own = OWN_OR_NEW(installed);
	if (!own)
		return 0;
	own->fd = given(ctx, 0);
	keep_file(&own->file, (void *)given(ctx, 1));
	return 0;
}

#define HOOK(name) SEC("?fentry/security_" #name) int name(void *ctx)

HOOK(path_unlink) { return reach(mount_given(ctx, 0), given(ctx, 1), 0, 0); }
HOOK(path_rmdir) { return reach(mount_given(ctx, 0), given(ctx, 1), 0, 0); }
HOOK(path_mkdir) { return reach(mount_given(ctx, 0), given(ctx, 1), 0, 0); }
HOOK(path_mknod) { return reach(mount_given(ctx, 0), given(ctx, 1), 0, 0); }
HOOK(path_symlink) { return reach(mount_given(ctx, 0), given(ctx, 1), 0, 0); }
HOOK(path_rename) { return reach(mount_given(ctx, 0), given(ctx, 1), mount_given(ctx, 2), given(ctx, 3)); }
HOOK(path_chmod) { return reach_path(given(ctx, 0)); }
HOOK(path_chown) { return reach_path(given(ctx, 0)); }
HOOK(path_truncate) { return reach_path(given(ctx, 0)); }
HOOK(move_mount) { return reach_path(given(ctx, 1)); }
HOOK(sb_mount) { return reach_path(given(ctx, 1)); }
HOOK(sb_pivotroot) { return reach_path(given(ctx, 1)); }
HOOK(sb_umount) { return reach(given(ctx, 0), NUMBER(struct vfsmount, given(ctx, 0), mnt_root), 0, 0); }
HOOK(inode_setxattr) { return use_attribute(given(ctx, 2)); }
/* The kernel makes hard links within one mount only. */
HOOK(path_link) { return reach(mount_given(ctx, 1), given(ctx, 0), mount_given(ctx, 1), given(ctx, 2)); }
