/* Finds the file that the path of a call led to from what the call left behind: the process's root directory, or a new mount.
 * For calls that leave no descriptor and pass no hook, or whose hook (hooks.bpf.c) is not available. */
#ifndef FALCOHOST_LEFT_BPF_H
#define FALCOHOST_LEFT_BPF_H

#include "reached.bpf.h"

#define MAX_DEPTH 64 /* of a balanced tree */
#define MS_MAKES_NONE (0x20 | 0x2000 | 0x20000 | 0x40000 | 0x80000 | 0x100000) /* remounts, moves, changes of propagation */

/* The latest mount of a mount namespace; its tree (a list before Linux 6.8) has them in the order of their creation. */
static __always_inline __u64 latest_mount(struct mnt_namespace *ns)
{
	struct mnt_namespace___listed *old = (void *)ns;
	struct mount___listed *listed = NULL;
	__u64 node, right;

	if (!bpf_core_field_exists(ns->mounts))
		return NUMBER(struct mnt_namespace___listed, old, list.prev) - bpf_core_field_offset(listed->mnt_list);
	node = NUMBER(struct mnt_namespace, ns, mounts.rb_node);
	for (int i = 0; i < MAX_DEPTH && node; i++) {
		right = NUMBER(struct rb_node, node, rb_right);
		if (!right)
			return node - bpf_core_field_offset(struct mount, mnt_node);
		node = right;
	}
	return 0;
}

/* Reports a new root directory from the root of its mount namespace, since it is the process's root itself. */
static __always_inline void put_new_root(struct scratch *s, struct path *root)
{
	begin_walk(&s->walk);
	walk_to(GIVE(s), 0, 0, NUMBER(struct path, root, mnt), NUMBER(struct path, root, dentry));
	if (s->walk.pos == CHUNK)
		prepend(s, NULL, 0, true);
	if (!is_detached(&s->walk))
		put_reached(s, REACHED_REAL);
}

static __always_inline void put_new_mount(struct scratch *s, struct task_struct *task)
{
	__u64 mount = latest_mount(READ(struct nsproxy, OF(task, nsproxy), mnt_ns)), mnt, dentry;

	if (!mount || s->header.args[3] & MS_MAKES_NONE)
		return;
	mnt = NUMBER(struct mount, mount, mnt_parent) + bpf_core_field_offset(struct mount, mnt);
	dentry = NUMBER(struct mount, mount, mnt_mountpoint);
	*(volatile __u64 *)&s->file = dentry; /* not on the stack, of which others need the rest */
	walk_path(GIVE(s), NUMBER(struct task_struct, task, fs), mnt, dentry);
	put_reached(s, REACHED_REAL);
	put_host(s, REACHED_HOST, mnt, *(volatile __u64 *)&s->file);
	see(&s->facts, VIEW_NAME, 0, VIEW_UNKNOWN);
}

/* Begins the record with what was left behind, if the call succeeded. */
GLOBAL int take_left(SCRATCH(s))
{
	TAKE_SCRATCH(s);
	struct task_struct *task = current_task();

	if (!s || s->header.ret || options & OPTION_REQUESTED)
		return 0;
	if (s->spec.left == LEFT_ROOT)
		put_new_root(s, &OF(task, fs)->root);
	else
		put_new_mount(s, task);
	return 0;
}

#endif
