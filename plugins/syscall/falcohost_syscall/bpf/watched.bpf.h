/* Files that are watched whatever link opens them: identified by their inodes, which user space looks up repeatedly
 * (watched/files.py). */
#ifndef FALCOHOST_WATCHED_BPF_H
#define FALCOHOST_WATCHED_BPF_H

#include "fd.bpf.h"
#include "ignored.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_WATCHED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct inode_id);
	__type(value, struct watched_file);
} watched_files SEC(".maps");

/* What identify_file has found. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct inode_id);
} identified SEC(".maps");

/* A device is the same through every node. */
#define NODES_OF_BLOCK_DEVICES 0xffffffff
#define NODES_OF_DEVICES 0xfffffffe

static __always_inline void read_inode_id(struct inode_id *id, struct inode *inode)
{
	__u32 type = READ(struct inode, inode, i_mode) & S_IFMT;

	if (type == S_IFBLK || type == S_IFCHR) {
		id->ino = READ(struct inode, inode, i_rdev);
		id->dev = type == S_IFBLK ? NODES_OF_BLOCK_DEVICES : NODES_OF_DEVICES;
		id->generation = 0;
		return;
	}
	id->ino = READ(struct inode, inode, i_ino);
	id->dev = READ(struct super_block, READ(struct inode, inode, i_sb), s_dev);
	id->generation = READ(struct inode, inode, i_generation);
}

/* Identifies a file. User space runs this with one of its own descriptors: on overlayfs and btrfs stat(2) returns other
 * numbers than the kernel's objects have. */
SEC("raw_tp")
int identify_file(unsigned long long *ctx)
{
	struct file *file = file_of_fd(current_task(), ASKED_FOR(ctx));
	__u32 key = 0;
	struct inode_id *id = bpf_map_lookup_elem(&identified, &key);

	if (file && id)
		read_inode_id(id, READ(struct file, file, f_inode));
	return 0;
}

/* The file of a layer that an overlay shows, or NULL: behind its inode, struct ovl_inode has the entry in the upper layer, and
 * then the stack of those in the lower ones (before Linux 6.5 only the first of them). */
static __always_inline struct inode *inode_below(struct inode *inode)
{
	void *kept = (void *)inode + bpf_core_type_size(struct inode), *lower;
	struct dentry *dentry = pointer_at(kept);

	if (READ(struct super_block, READ(struct inode, inode, i_sb), s_magic) != OVERLAYFS_MAGIC)
		return NULL;
	if (!dentry) {
		lower = kept + sizeof(void *);
		if (bpf_core_type_exists(struct backing_file))
			lower = pointer_at(lower) + sizeof(void *);
		dentry = pointer_at(lower + sizeof(void *)); /* struct ovl_path: the layer, the entry */
	}
	return dentry ? READ(struct dentry, dentry, d_inode) : NULL;
}

/* Puts the names of a watched file into the record. */
GLOBAL int put_watched(SCRATCH(s))
{
	TAKE_SCRATCH(s);
	struct inode_id id = {};
	struct watched_file *file;
	struct inode *inode;
	__u32 size, at;
	char *room;

	if (!s)
		return 0;
	read_inode_id(&id, (void *)s->names.inode);
	file = bpf_map_lookup_elem(&watched_files, &id);
	inode = file ? NULL : inode_below((void *)s->names.inode);
	if (inode) {
		read_inode_id(&id, inode);
		file = bpf_map_lookup_elem(&watched_files, &id);
	}
	room = section_room(s);
	if (!file || !room)
		return 0;
	size = file->size;
	if (!size)
		return 0;
	barrier_var(size); /* or both tests become one, which the verifier of 6.12 does not follow */
	if (size > sizeof(file->text) || bpf_probe_read_kernel(room, size, file->text))
		return 0;
	at = s->pos + sizeof(struct section);
	for (int i = 0; i < WATCHED_NAMES; i++) {
		s->names.watched[i] = file->names[i];
		s->names.watched[i].at += at;
	}
	end_section(s, SEC_WATCHED, size);
	s->header.flags |= FLAG_OTHER_NAME;
	return 0;
}

#endif
