/* The path of a directory entry, from the process's root, as the kernel's own objects have it at this moment. */
#ifndef FALCOHOST_PATH_BPF_H
#define FALCOHOST_PATH_BPF_H

#include "scratch.bpf.h"

#define MAX_STEPS 2304 /* components of one letter in CHUNK bytes, and mounts */
#define NSFS_MAGIC 0x6e736673

struct walk_context {
	struct scratch *s;
};

static __always_inline void enter_mount(struct walk *w, struct vfsmount *mnt)
{
	w->mnt = (__u64)mnt;
	w->mnt_root = (__u64)READ(struct vfsmount, mnt, mnt_root);
}

/* Puts a name before what path[] holds; false if it does not fit. */
static __always_inline bool prepend(struct scratch *s, const void *name, __u32 len, bool slash)
{
	struct walk *w = &s->walk;
	__u32 pos = w->pos;

	if (len >= NAME_SIZE) {
		len = NAME_SIZE - 1;
		w->cut = 1;
	}
	if (!w->leaf)
		w->leaf = len;
	if (pos < len + slash) {
		w->cut = 1;
		return false;
	}
	pos -= len + slash;
	w->pos = pos;
	pos &= CHUNK - 1;
	barrier_var(pos);
	if (pos > CHUNK - 1)
		return false;
	if (slash)
		s->path[pos++] = '/';
	len &= NAME_SIZE - 1;
	barrier_var(len);
	if (len > NAME_SIZE - 1)
		return false;
	return bpf_probe_read_kernel(&s->path[pos], len, name) == 0;
}

/* One step up; 1 at the root of the process, of its mount namespace or of a file system that is mounted nowhere. */
static int walk_step(__u32 i, struct walk_context *context)
{
	struct scratch *s = context->s;
	struct walk *w = &s->walk;
	struct dentry *dentry = (void *)w->dentry;
	struct dentry *parent;

	if (w->dentry == w->root_dentry && w->mnt == w->root_mnt)
		return 1;
	if (w->dentry == w->mnt_root) {
		struct mount *mount = (void *)w->mnt - bpf_core_field_offset(struct mount, mnt);
		struct mount *up = READ(struct mount, mount, mnt_parent);

		if (up == mount || !up)
			return 1;
		w->dentry = (__u64)READ(struct mount, mount, mnt_mountpoint);
		enter_mount(w, (void *)up + bpf_core_field_offset(struct mount, mnt));
		return 0;
	}
	parent = READ(struct dentry, dentry, d_parent);
	if (parent == dentry || !parent)
		return 1;
	if (!prepend(s, READ(struct dentry, dentry, d_name.name), READ(struct dentry, dentry, d_name.len), true))
		return 1;
	w->dentry = (__u64)parent;
	return 0;
}

/* Nameless files (memfd, anon_inode, pipe, socket) have a directory entry without a parent. */
static __always_inline bool is_pseudo(struct scratch *s, struct dentry *dentry)
{
	return (__u64)dentry != s->walk.mnt_root && READ(struct dentry, dentry, d_parent) == dentry;
}

static const char namespace_format[] = "%s:[%lu]";

/* The name of a namespace's file, `net:[4026531840]`: made when somebody reads it, and not the directory entry's. */
static __always_inline bool prepend_namespace(struct scratch *s, struct dentry *dentry)
{
	struct super_block *sb = READ(struct dentry, dentry, d_sb);
	char *room = (char *)&s->path[CHUNK];
	const struct proc_ns_operations *ops;
	struct inode *inode;
	__u64 parts[2];
	long len;

	if (READ(struct super_block, sb, s_magic) != NSFS_MAGIC)
		return false;
	inode = READ(struct dentry, dentry, d_inode);
	ops = READ(struct ns_common, READ(struct inode, inode, i_private), ops);
	parts[0] = (__u64)READ(struct proc_ns_operations, ops, name);
	parts[1] = READ(struct inode, inode, i_ino);
	len = bpf_snprintf(room, NAME_SIZE, namespace_format, parts, sizeof(parts));
	return len > 1 && len <= NAME_SIZE && prepend(s, room, len - 1, false);
}

/* Fills s->path from s->walk.pos on; without a leading slash if the path was cut or is a nameless file's. */
static __noinline int walk_path(struct scratch *s, struct task_struct *task, struct vfsmount *mnt, struct dentry *dentry)
{
	struct walk_context context = {.s = s};
	struct walk *w;

	if (!s)
		return 0;
	w = &s->walk;
	w->pos = CHUNK;
	w->cut = 0;
	w->leaf = 0;
	w->dentry = (__u64)dentry;
	enter_mount(w, mnt);
	if (is_pseudo(s, dentry)) {
		if (!prepend_namespace(s, dentry))
			prepend(s, READ(struct dentry, dentry, d_name.name), READ(struct dentry, dentry, d_name.len), false);
		return 0;
	}
	w->root_dentry = (__u64)task->fs->root.dentry;
	w->root_mnt = (__u64)task->fs->root.mnt;
	bpf_loop(MAX_STEPS, walk_step, &context, 0);
	if (w->pos == CHUNK)
		prepend(s, NULL, 0, true);
	return 0;
}

/* Appends what walk_path left in s->path as a section. */
static __always_inline void put_walked(struct scratch *s, __u16 tag)
{
	void *room = section_room(s);
	__u32 pos = s->walk.pos & (2 * CHUNK - 1);
	__u32 len;

	barrier_var(pos);
	if (!room || pos > CHUNK)
		return;
	if (s->walk.cut)
		s->header.flags |= FLAG_CUT;
	len = CHUNK - pos;
	if (!len)
		return;
	if (bpf_probe_read_kernel(room, len, s->path + pos) == 0)
		end_section(s, tag, len);
}

static __always_inline void put_path(struct scratch *s, __u16 tag, struct task_struct *task, struct path *path)
{
	struct vfsmount *mnt = READ(struct path, path, mnt);
	struct dentry *dentry = READ(struct path, path, dentry);

	if (!mnt || !dentry)
		return;
	walk_path(s, task, mnt, dentry);
	put_walked(s, tag);
}

#endif
