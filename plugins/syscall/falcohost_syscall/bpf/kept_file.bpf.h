/* A file that a call is about, to be told when the call returns, though another thread may have put another one behind its
 * descriptor by then. Nobody holds it for us: it may be gone, and its memory another file's. */
#ifndef FALCOHOST_KEPT_FILE_BPF_H
#define FALCOHOST_KEPT_FILE_BPF_H

#include "scratch.bpf.h"
#include "fd.bpf.h"

struct kept_file {
	__u64 file, inode, dentry;
};

static __always_inline bool shares_descriptors(struct task_struct *task)
{
	return OF(OF(task, files), count.counter) > 1;
}

static __always_inline void keep_file(struct kept_file *kept, struct file *file)
{
	kept->file = (__u64)file;
	kept->inode = NUMBER(struct file, file, f_inode);
	kept->dentry = NUMBER(struct file, file, f_path.dentry);
}

static __always_inline bool is_kept(struct kept_file *kept, struct file *file)
{
	return (__u64)file == kept->file && NUMBER(struct file, file, f_inode) == kept->inode &&
	       NUMBER(struct file, file, f_path.dentry) == kept->dentry;
}

/* The call is about the file that was kept, whatever is behind the descriptor by now. */
static __always_inline void tell_kept(struct scratch *s, struct task_struct *task, struct kept_file *kept, __s32 fd)
{
	if (!is_kept(kept, file_of_fd(task, fd)))
		s->header.flags |= FLAG_REPLACED;
	s->spec.want |= WANT_FILE;
	s->file = is_kept(kept, (void *)kept->file) ? kept->file : 0;
}

#endif
