/* A file that a call is about, to be told when the call returns, though another thread may have put another one behind its
 * descriptor by then. Nobody holds it for us: it may be gone, and its memory another file's. */
#ifndef FALCOHOST_KEPT_FILE_BPF_H
#define FALCOHOST_KEPT_FILE_BPF_H

#include "fd.bpf.h"

struct kept_file {
	__u64 file, inode, dentry;
};

static __always_inline bool shares_descriptors(struct task_struct *task)
{
	return task->files->count.counter > 1;
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

#endif
