/* A file descriptor of the current process: its file, as the kernel has it at this moment. */
#ifndef FALCOHOST_FD_BPF_H
#define FALCOHOST_FD_BPF_H

#include "path.bpf.h"

#define OVERLAYFS_MAGIC 0x794c7630
#define ANON_INODE_FS_MAGIC 0x09041934
#define S_IFMT 00170000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFBLK 0060000
#define S_IFSOCK 0140000
#define FMODE_CREATED 0x100000
#define LAYER_UPPER 1
#define LAYER_LOWER 2

static __always_inline struct file *file_of_fd(struct task_struct *task, __s32 fd)
{
	struct fdtable *table = OF(OF(task, files), fdt);

	if (fd < 0 || (__u32)fd >= OF(table, max_fds))
		return NULL;
	return pointer_at((void *)OF(table, fd) + (__u64)fd * sizeof(void *));
}

/* Where an overlayfs file has its data: struct ovl_inode has the upper directory entry right behind its inode. */
static __always_inline __u32 overlay_layer(struct inode *inode, __u32 magic)
{
	if (magic != OVERLAYFS_MAGIC)
		return 0;
	return pointer_at((void *)inode + bpf_core_type_size(struct inode)) ? LAYER_UPPER : LAYER_LOWER;
}

/* Remembers a file that may have another name, if that matters: one with several links, in another overlay than the
 * process's root, or a device that is being opened. */
static __always_inline void note_links(struct scratch *s, struct inode *inode, __u32 nlink, __u32 layer, __u16 mode)
{
	struct task_struct *task = current_task();
	__u32 type = mode & S_IFMT;

	if (!(options & OPTION_WATCHED) || type == S_IFDIR)
		return;
	if (nlink > 1 || layer == LAYER_LOWER || ((type == S_IFBLK || type == S_IFCHR) && s->spec.fd_arg == RET_ARG) ||
	    (layer && READ(struct inode, inode, i_sb) != READ(struct vfsmount, OF(OF(task, fs), root.mnt), mnt_sb)))
		s->names.inode = (__u64)inode;
}

/* Encodes device numbers like stat(2). */
static __always_inline __u32 encode_dev(__u32 dev)
{
	__u32 major = dev >> 20, minor = dev & 0xfffff;

	return (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12);
}

/* The id of the map, program or link behind a descriptor; 0: it is none. Their files differ from other anonymous ones by
 * the name that the kernel gave them. */
static __always_inline __u32 bpf_id(struct file *file)
{
	__u64 object = NUMBER(struct file, file, private_data), name;

	name = number_at(READ(struct dentry, READ(struct file, file, f_path.dentry), d_name.name));
	if (name == *(__u64 *)"bpf-map")
		return READ(struct bpf_map, (void *)object, id);
	if (name == *(__u64 *)"bpf-prog")
		return READ(struct bpf_prog_aux, (void *)NUMBER(struct bpf_prog, (void *)object, aux), id);
	if (name == *(__u64 *)"bpf_link")
		return READ(struct bpf_link, (void *)object, id);
	return 0;
}

static __always_inline void read_fdinfo(struct fdinfo *info, struct file *file, struct inode *inode, __u16 mode)
{
	struct super_block *sb = READ(struct inode, inode, i_sb);

	info->mode = mode;
	info->ino = READ(struct inode, inode, i_ino);
	info->dev = encode_dev(READ(struct super_block, sb, s_dev));
	info->magic = READ(struct super_block, sb, s_magic);
	info->layer = overlay_layer(inode, info->magic);
	info->fmode = READ(struct file, file, f_mode);
	info->bpf_id = info->magic == ANON_INODE_FS_MAGIC ? bpf_id(file) : 0;
}

static __always_inline __u16 put_fdinfo(struct scratch *s, struct file *file)
{
	struct fdinfo *info = section_room(s);
	struct inode *inode = READ(struct file, file, f_inode);
	__u16 mode = READ(struct inode, inode, i_mode);

	if (!info)
		return mode;
	read_fdinfo(info, file, inode, mode);
	s->facts.made = info->fmode & FMODE_CREATED ? MADE_YES : MADE_NO;
	note_links(s, inode, READ(struct inode, inode, i_nlink), info->layer, mode);
	end_section(s, SEC_FD, sizeof(*info));
	return mode;
}

#endif
