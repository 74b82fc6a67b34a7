/* Finds the path by which the machine's init reaches a file, if it differs from the process's. */
#ifndef FALCOHOST_INIT_PATH_BPF_H
#define FALCOHOST_INIT_PATH_BPF_H

#include "task.bpf.h"
#include "path.bpf.h"

#define PROC_SUPER_MAGIC 0x9fa0
#define MAX_MOUNTS FORM(4096, 2048) /* of one file system that are looked at */
#define MAX_LEVELS 16   /* mounts on mounts that are compared */

/* By file system: its mount that the machine's init reaches. Verified before use. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} home_mounts SEC(".maps");

/* A walk over the mounts of one file system. */
struct home_context {
	__u64 mount, end, ns, sb_root, found, found_id;
	bool whole; /* what was found shows the whole file system */
};

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

static __always_inline struct vfsmount *vfsmount_of(struct mount *mount)
{
	return (void *)mount + bpf_core_field_offset(struct mount, mnt);
}

static __always_inline __u64 next_mount(struct mount *mount)
{
	struct mount___listed *listed = (void *)mount;

	if (bpf_core_field_exists(mount->mnt_next_for_sb))
		return NUMBER(struct mount, mount, mnt_next_for_sb);
	return number_at((void *)mount + bpf_core_field_offset(listed->mnt_instance)) -
	       bpf_core_field_offset(listed->mnt_instance);
}

STEP_WITH(home_step, struct home_context, context)
{
	struct mount *mount = (void *)context->mount;
	__u64 id = i;
	bool whole;

	if (!mount || context->mount == context->end)
		return 1;
	if ((__u64)READ(struct mount, mount, mnt_ns) == context->ns) {
		whole = (__u64)READ(struct mount, mount, mnt.mnt_root) == context->sb_root;
		if (bpf_core_field_exists(mount->mnt_id_unique))
			id = READ(struct mount, mount, mnt_id_unique);
		if (!context->found || (whole && !context->whole) || (whole == context->whole && id < context->found_id)) {
			context->found = (__u64)mount;
			context->found_id = id;
			context->whole = whole;
		}
	}
	context->mount = next_mount(mount);
	return 0;
}

static __always_inline void first_mount(struct super_block *sb, struct home_context *context)
{
	struct super_block___listed *old = (void *)sb;
	struct mount___listed *listed = NULL;
	void *list;

	if (bpf_core_field_exists(((struct mount *)NULL)->mnt_next_for_sb)) {
		context->mount = NUMBER(struct super_block, sb, s_mounts);
		return;
	}
	list = (void *)sb + bpf_core_field_offset(old->s_mounts);
	context->end = (__u64)list - bpf_core_field_offset(listed->mnt_instance);
	context->mount = number_at(list) - bpf_core_field_offset(listed->mnt_instance);
}

/* Returns a file system's oldest mount in a mount namespace that shows all of it, else its oldest mount; 0: none. */
GLOBAL __u64 home_mount(__u64 key, __u64 ns)
{
	struct super_block *sb = (void *)key;
	struct home_context context = {.ns = ns};
	__u64 *known = bpf_map_lookup_elem(&home_mounts, &key);
	struct mount *mount;

	if (known) {
		mount = (void *)*known;
		if (READ(struct mount, mount, mnt.mnt_sb) == sb && (__u64)READ(struct mount, mount, mnt_ns) == ns)
			return (__u64)vfsmount_of(mount);
	}
	context.sb_root = (__u64)READ(struct super_block, sb, s_root);
	first_mount(sb, &context);
	LOOP_WITH(MAX_MOUNTS, MAX_MOUNTS, home_step, context);
	if (!context.found)
		return 0;
	bpf_map_update_elem(&home_mounts, &key, &context.found, BPF_ANY);
	return (__u64)vfsmount_of((void *)context.found);
}

/* Whether init sees on the other mount, under the same path, what a process sees on one: both have the same mounts up to the
 * same root, or copies of them, as in a new mount namespace. */
static __always_inline bool same_path(struct vfsmount *mnt, struct fs_struct *fs, struct vfsmount *home, struct fs_struct *init)
{
	struct vfsmount *root = READ(struct fs_struct, fs, root.mnt), *top = READ(struct fs_struct, init, root.mnt);
	struct mount *one, *other;

	if (READ(struct fs_struct, fs, root.dentry) != READ(struct fs_struct, init, root.dentry))
		return false;
	if (mnt == home && root == top)
		return true;
	for (FORM(int, __u64) i = 0; i < MAX_LEVELS; i++) { /* 5.8 keeps track of 64 bits only where a number is on the stack */
		if (READ(struct vfsmount, mnt, mnt_root) != READ(struct vfsmount, home, mnt_root))
			return false;
		if (mnt == root && home == top)
			return true;
		one = mount_of(mnt);
		other = mount_of(home);
		if (READ(struct mount, one, mnt_mountpoint) != READ(struct mount, other, mnt_mountpoint))
			return false;
		mnt = vfsmount_of(READ(struct mount, one, mnt_parent));
		home = vfsmount_of(READ(struct mount, other, mnt_parent));
	}
	return false;
}

/* The pid namespace of the machine, whose init is the machine's. */
static __always_inline struct pid_namespace *machine_pids(struct task_struct *task)
{
	void *upid = (void *)OF(task, thread_pid) + bpf_core_field_offset(struct pid, numbers);

	return pointer_at(upid + bpf_core_field_offset(struct upid, ns));
}

static const char proc_name[8] = "proc";

/* Each mount of proc is a file system of its own, with the same names if it shows the same pid namespace. */
static __always_inline bool walk_second_proc(struct scratch *s, struct task_struct *task, __u64 mnt, __u64 dentry)
{
	struct super_block *sb = READ(struct vfsmount, (void *)mnt, mnt_sb);
	struct proc_fs_info *info = READ(struct super_block, sb, s_fs_info);

	if (READ(struct super_block, sb, s_magic) != PROC_SUPER_MAGIC ||
	    READ(struct proc_fs_info, info, pid_ns) != machine_pids(task))
		return false;
	begin_walk(&s->walk);
	walk_to(GIVE(s), mnt, NUMBER(struct super_block, sb, s_root), mnt, dentry);
	return s->walk.arrived && prepend(s, proc_name, 4, true);
}

/* The root directory of the machine's init at the last look: only a short cut. */
static volatile struct {
	__u64 mnt, dentry;
	__u64 overlaid; /* it is of overlayfs, or may be */
} init_root;

/* A function of its own, off the stack of those that walk. */
GLOBAL int note_root(__u64 mnt, __u64 dentry)
{
	if (init_root.mnt != mnt)
		init_root.overlaid = true;
	init_root.mnt = mnt;
	init_root.dentry = dentry;
	init_root.overlaid = READ(struct super_block, READ(struct vfsmount, (void *)mnt, mnt_sb), s_magic) == OVERLAYFS_MAGIC;
	return 0;
}

/* Whether a file on this mount certainly has the same name for a task and for init: it is on the root of both. */
static __always_inline bool is_on_root_of_init(struct task_struct *task, __u64 mnt)
{
	return mnt == init_root.mnt && mnt == (__u64)OF(OF(task, fs), root.mnt) && (__u64)OF(OF(task, fs), root.dentry) == init_root.dentry;
}

/* For a file that init does not reach: fills s->path with its path from the root of the process's mount namespace, through
 * the oldest mount of its file system there; false if there is none, or it is certainly the same. */
static __always_inline bool walk_own_mounts(struct scratch *s, struct task_struct *task, __u64 mnt, __u64 dentry)
{
	struct vfsmount *root = OF(OF(task, fs), root.mnt);
	struct mount *mount = mount_of(root);
	bool on_top = OF(OF(task, fs), root.dentry) == READ(struct vfsmount, root, mnt_root) &&
		      READ(struct mount, mount, mnt_parent) == mount;
	__u64 home = mnt;

	if (on_top && mnt == (__u64)root)
		return false;
	home = home_mount(NUMBER(struct vfsmount, mnt, mnt_sb), NUMBER(struct nsproxy, OF(task, nsproxy), mnt_ns));
	if (!home || (on_top && home == mnt))
		return false;
	begin_walk(&s->walk);
	walk_to(GIVE(s), 0, 0, home, dentry);
	return !s->walk.cut && !is_detached(&s->walk);
}

/* Fills s->path with the path by which init reaches a directory entry, or else a process with the original root directory;
 * false if there is none, or it is certainly the same. */
GLOBAL int walk_from_init(SCRATCH(s), __u64 mnt, __u64 dentry)
{
	TAKE_SCRATCH(s);
	struct task_struct *init, *task = current_task();
	struct vfsmount *root = OF(OF(task, fs), root.mnt);
	__u64 fs, top, home, sb;

	if (!s)
		return false;
	if (is_on_root_of_init(task, mnt))
		return false;
	init = READ(struct pid_namespace, machine_pids(task), child_reaper);
	fs = NUMBER(struct task_struct, init, fs);
	home = top = NUMBER(struct fs_struct, fs, root.mnt);
	note_root(top, NUMBER(struct fs_struct, fs, root.dentry));
	sb = NUMBER(struct vfsmount, mnt, mnt_sb);
	if (sb != NUMBER(struct vfsmount, top, mnt_sb)) {
		if (sb == NUMBER(struct vfsmount, root, mnt_sb))
			return walk_own_mounts(s, task, mnt, dentry); /* an image's: by what path the runtime reaches it says nothing */
		home = home_mount(sb, NUMBER(struct nsproxy, READ(struct task_struct, init, nsproxy), mnt_ns));
	}
	if (!home)
		return walk_second_proc(s, task, mnt, dentry) || walk_own_mounts(s, task, mnt, dentry);
	if (same_path((void *)mnt, OF(task, fs), (void *)home, (void *)fs))
		return false;
	begin_walk(&s->walk);
	walk_up(s, fs, home, dentry);
	return s->walk.arrived && !s->walk.cut;
}

#endif
