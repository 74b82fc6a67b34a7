/* The path of a directory entry from the process's root, built from the kernel's own objects at this moment. */
#ifndef FALCOHOST_PATH_BPF_H
#define FALCOHOST_PATH_BPF_H

#include "scratch.bpf.h"

#define MAX_STEPS 2304 /* components of one letter in CHUNK bytes, and mounts */
#define NSFS_MAGIC 0x6e736673
#define PIDFS_MAGIC 0x50494446

static __always_inline void enter_mount(struct walk *w, struct vfsmount *mnt)
{
	w->mnt = (__u64)mnt;
	w->mnt_root = (__u64)READ(struct vfsmount, mnt, mnt_root);
}

/* Copies up to SHORT_NAME bytes of a name from the kernel with a few loads, which is much faster than the helper. At least 8
 * bytes are readable. */
#define SHORT_NAME 32

static __always_inline void copy_short(__u8 *to, const void *name, __u32 len)
{
	__u64 first = number_at(name);

	if (len >= 8) {
		*(volatile __u64 *)to = first;
		if (len > 16)
			*(volatile __u64 *)(to + 8) = number_at(name + 8);
		if (len > 24)
			*(volatile __u64 *)(to + 16) = number_at(name + 16);
		*(volatile __u64 *)(to + len - 8) = number_at(name + len - 8);
	} else if (len >= 4) {
		*(volatile __u32 *)to = first;
		*(volatile __u32 *)(to + len - 4) = first >> (8 * (len - 4));
	} else if (len) {
		to[0] = first;
		to[len >> 1] = first >> (8 * (len >> 1));
		to[len - 1] = first >> (8 * (len - 1));
	}
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
	if (HAS_CASTS && len <= SHORT_NAME) {
		copy_short(&s->path[pos], name, len);
		return true;
	}
	return bpf_probe_read_kernel(&s->path[pos], len, name) == 0;
}

/* One step up; 1 at the root of the process, of its mount namespace, or of a file system that is not mounted. */
STEP(walk_step)
{
	TAKE_STEP(s);
	struct walk *w = &s->walk;
	struct dentry *dentry = (void *)w->dentry;
	struct dentry *parent;

	if (w->dentry == w->root_dentry && w->mnt == w->root_mnt) {
		w->arrived = 1;
		return 1;
	}
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
	if (w->skip)
		w->skip--;
	else if (!prepend(s, READ(struct dentry, dentry, d_name.name), READ(struct dentry, dentry, d_name.len), true))
		return 1;
	w->dentry = (__u64)parent;
	return 0;
}

#ifndef OLDER
static const char namespace_format[] = "%s:[%lu]";
#endif
static const char pidfd_format[] = "anon_inode:[pidfd]";

#ifdef OLDER
#define DIGITS 10 /* of an inode's number in these file systems */

/* `:[NUMBER]` */
static __always_inline bool prepend_number(struct scratch *s, char *room, __u64 number)
{
	__u32 used = 1, rest = number;

#pragma unroll
	for (int i = DIGITS; i > 0; i--) {
		room[i + 1] = '0' + rest % 10;
		rest /= 10;
		used += rest != 0;
	}
	room[DIGITS + 2] = ']';
	barrier_var(used); /* Linux 5.8 knows no bounds of the sum */
	if (used > DIGITS)
		return false;
	if (!prepend(s, room + DIGITS + 2 - used, used + 1, false))
		return false;
	return prepend(s, ":[", 2, false);
}
#endif

/* The names of files of namespaces, `net:[4026531840]`, and of processes are made when they are read, and differ from the
 * directory entry's. */
static __always_inline bool prepend_made_name(struct scratch *s, struct dentry *dentry)
{
	struct super_block *sb = READ(struct dentry, dentry, d_sb);
	char *room = (char *)&s->path[CHUNK];
	const struct proc_ns_operations *ops;
	struct inode *inode;
	__u64 parts[2];
	long len;

	if (READ(struct super_block, sb, s_magic) == PIDFS_MAGIC)
		return prepend(s, pidfd_format, sizeof(pidfd_format) - 1, false);
	if (READ(struct super_block, sb, s_magic) != NSFS_MAGIC)
		return false;
	inode = READ(struct dentry, dentry, d_inode);
	ops = READ(struct ns_common, READ(struct inode, inode, i_private), ops);
	parts[0] = (__u64)READ(struct proc_ns_operations, ops, name);
	parts[1] = READ(struct inode, inode, i_ino);
#ifdef OLDER
	if (!prepend_number(s, room, parts[1]))
		return false;
	len = bpf_probe_read_kernel_str(room, NAME_SIZE, (void *)parts[0]);
#else
	len = bpf_snprintf(room, NAME_SIZE, namespace_format, parts, sizeof(parts));
#endif
	return len > 1 && len <= NAME_SIZE && prepend(s, room, len - 1, false);
}

/* Whether the walk ended in a mount that was removed from the tree. */
static __always_inline bool is_detached(struct walk *w)
{
	struct mount *mount = (void *)w->mnt - bpf_core_field_offset(struct mount, mnt);

	return !w->arrived && !READ(struct mount, mount, mnt_ns);
}

/* Nameless files (memfd, anon_inode, pipe, socket) have a directory entry without a parent. */
static __always_inline bool is_nameless(struct vfsmount *mnt, struct dentry *dentry)
{
	return READ(struct dentry, dentry, d_parent) == dentry && READ(struct vfsmount, mnt, mnt_root) != dentry;
}

static __always_inline void begin_walk(struct walk *w)
{
	w->pos = CHUNK;
	w->cut = 0;
	w->leaf = 0;
	w->skip = 0;
	w->arrived = 0;
}

/* Puts the names of directory entries up to a root before what s->path holds from s->walk.pos on. */
GLOBAL int walk_to(SCRATCH(s), __u64 root_mnt, __u64 root_dentry, __u64 mnt, __u64 dentry)
{
	TAKE_SCRATCH(s);
	STEP_CONTEXT(s);
	struct walk *w;

	if (!s)
		return 0;
	w = &s->walk;
	w->dentry = dentry;
	enter_mount(w, (void *)mnt);
	w->root_dentry = root_dentry;
	w->root_mnt = root_mnt;
	LOOP_OF(MAX_STEPS, MAX_STEPS, walk_step, s);
	return 0;
}

/* The same up to a process's root; a slash if there are no names. */
static __always_inline int walk_up(struct scratch *s, __u64 fs, __u64 mnt, __u64 dentry)
{
	walk_to(GIVE(s), NUMBER(struct fs_struct, fs, root.mnt), NUMBER(struct fs_struct, fs, root.dentry), mnt, dentry);
	if (s->walk.pos == CHUNK)
		prepend(s, NULL, 0, true);
	return 0;
}

/* Fills s->path from s->walk.pos on. A nameless file's text has no leading slash. */
GLOBAL int walk_path(SCRATCH(s), __u64 fs, __u64 mnt_at, __u64 dentry_at)
{
	TAKE_SCRATCH(s);
	struct vfsmount *mnt = (void *)mnt_at;
	struct dentry *dentry = (void *)dentry_at;

	if (!s)
		return 0;
	begin_walk(&s->walk);
	if (!is_nameless(mnt, dentry))
		return walk_up(s, fs, mnt_at, dentry_at);
	if (!prepend_made_name(s, dentry))
		prepend(s, READ(struct dentry, dentry, d_name.name), READ(struct dentry, dentry, d_name.len), false);
	return 0;
}

#define COPIED_AT_ONCE 64

/* Copies short texts faster than the helper, with up to seven extra bytes where the next section will be. */
static __always_inline void copy_walked(char *to, const __u8 *from, __u32 len)
{
	barrier_var(len); /* or the verifier is not shown the bound */
	for (__u32 i = 0; i < COPIED_AT_ONCE && i < len; i += sizeof(__u64))
		*(volatile __u64 *)(to + i) = *(volatile const __u64 *)(from + i);
}

static const char cut_mark[] = "<CUT>";

/* Appends what walk_path left in s->path as a section. */
static __always_inline void put_walked(struct scratch *s, __u16 tag)
{
	char *room = section_room(s);
	__u32 pos = s->walk.pos & (2 * CHUNK - 1);
	__u32 len, mark = 0;

	barrier_var(pos);
	if (!room || pos > CHUNK)
		return;
	if (s->walk.cut) {
		s->header.flags |= FLAG_CUT;
		mark = sizeof(cut_mark) - 1;
		__builtin_memcpy(room, cut_mark, sizeof(cut_mark) - 1);
	}
	len = CHUNK - pos;
	if (len <= COPIED_AT_ONCE)
		copy_walked(room + mark, s->path + pos, len);
	else {
		char *to = room + mark;
		__u8 *from = s->path + pos;

		OPAQUE(to);
		OPAQUE(from);
		if (bpf_probe_read_kernel(to, CUT_TO(2 * CHUNK - 1, len), from))
			return;
	}
	if (len)
		end_section(s, tag, mark + len);
}

static __always_inline void put_path(struct scratch *s, __u16 tag, struct task_struct *task, struct path *path)
{
	__u64 mnt = NUMBER(struct path, path, mnt), dentry = NUMBER(struct path, path, dentry);

	if (!mnt || !dentry)
		return;
	walk_path(GIVE(s), NUMBER(struct task_struct, task, fs), mnt, dentry);
	put_walked(s, tag);
}

/* The directory at which a path starts; for one that was removed from the tree it is not known where it leads. */
static __always_inline void put_dir(struct scratch *s, __u16 tag, struct task_struct *task, struct path *path)
{
	__u64 mnt = NUMBER(struct path, path, mnt), dentry = NUMBER(struct path, path, dentry);

	if (!mnt || !dentry)
		return;
	walk_path(GIVE(s), NUMBER(struct task_struct, task, fs), mnt, dentry);
	if (!is_detached(&s->walk))
		put_walked(s, tag);
}

#endif
