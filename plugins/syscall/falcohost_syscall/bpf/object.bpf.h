/* The file or socket behind a descriptor, and the name under which filters are asked first. */
#ifndef FALCOHOST_OBJECT_BPF_H
#define FALCOHOST_OBJECT_BPF_H

#include "names.bpf.h"
#include "replaced.bpf.h"

/* The bit of the last component of a file's path, as in facts/leaves.py. */
static __always_inline __u32 leaf_bit(struct dentry *dentry)
{
	__u64 first = number_at(READ(struct dentry, dentry, d_name.name));
	__u32 len = READ(struct dentry, dentry, d_name.len);

	if (len < sizeof(first))
		first &= (1ULL << 8 * len) - 1;
	return (first + len) * 0x9e3779b97f4a7c15ULL >> 58;
}

/* Returns false if no rule can match a file of this name. */
static __always_inline bool put_fd(struct scratch *s, struct task_struct *task)
{
	__u8 which = s->spec.fd_arg;
	__s32 fd = which == RET_ARG ? s->header.ret : arg(s, which);
	struct file *file = s->spec.want & WANT_FILE ? (void *)s->file : file_of_fd(task, fd);
	struct sockinfo *info;
	struct dentry *dentry;
	struct vfsmount *mnt;
	__u32 type, before;
	bool one_name, put = false;

	if (is_opening(s) && s->header.ret >= 0 && !(s->spec.want & WANT_FILE) && is_replaced(s, task, file, fd))
		s->header.flags |= FLAG_REPLACED;
	if (!file) {
		see_no_file(&s->facts);
		return true;
	}
	type = put_fdinfo(s, file) & S_IFMT;
	if (type == S_IFSOCK) {
		info = put_socket(s, file, SEC_SOCK);
		if (info)
			see_socket(&s->facts, info, s->spec.want & (WANT_SOCKADDR | WANT_MSGHDR | WANT_SENDER));
		if (info && info->family == AF_UNIX)
			find_socket_file(s, info);
		if (info || !is_opening(s)) /* else the file of a socket is opened, with O_PATH */
			return true;
	}
	mnt = READ(struct file, file, f_path.mnt);
	dentry = READ(struct file, file, f_path.dentry);
	one_name = !s->names.inode && is_on_root_of_init(task, (__u64)mnt) && !(s->header.flags & FLAG_REPLACED);
	before = s->pos;
	if (one_name && is_opening(s)) {
		put = FORM(!(options & OPTION_REQUESTED) && put_passed_path(s, init_root.dentry, NUMBER(struct file, file, f_path.dentry)),
			   false);
		one_name = put;
		if (put && s->names.judged)
			see_folder(s, dentry, before + sizeof(struct section));
	}
	if (one_name && !(s->spec.leaves >> leaf_bit(dentry) & 1))
		return false;
	if (type == S_IFIFO && is_nameless(mnt, dentry))
		s->walk.cut = 0; /* pipe:[inode] is made when somebody asks */
	else if (!put)
		put_path(s, SEC_FDPATH, task, &file->f_path);
	see_file(s, file, type, before);
	if (s->facts.views[VIEW_NAME].len > VIEW_LONGEST && !s->walk.cut) {
		if (is_opening(s))
			see_no_name(&s->facts);
		return true;
	}
	if (one_name)
		return true;
	s->names.mnt = (__u64)mnt;
	s->names.dentry = (__u64)dentry;
	if (options & OPTION_REQUESTED && is_opening(s))
		see_no_name(&s->facts);
	return true;
}

static __always_inline void put_caps(struct scratch *s, struct task_struct *task)
{
	const struct cred *cred = OF(task, cred);
	struct caps *caps = section_room(s);

	if (!caps)
		return;
	caps->permitted = CAPS(cred, cap_permitted);
	caps->inheritable = CAPS(cred, cap_inheritable);
	end_section(s, SEC_CAPS, sizeof(*caps));
}

#endif
