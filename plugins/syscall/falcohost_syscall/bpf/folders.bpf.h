/* Folders in which no rule can want a file to be opened. What is kept is a fact about a text, the folder's path, and about
 * nothing that can change: each open shows anew that its file is there, under the name that was passed
 * (docs/decisions/0127-folders-that-no-rule-wants.md). */
#ifndef FALCOHOST_FOLDERS_BPF_H
#define FALCOHOST_FOLDERS_BPF_H

#include "entered.bpf.h"
#include "names.bpf.h"
#include "measure.bpf.h"
#include "replaced.bpf.h"

#define FOLDERS 256     /* for each processor; a power of two */
#define FOLDER_TEXT 104 /* bytes */
#define FOLDER_LONGEST (FOLDER_TEXT - sizeof(__u64))
#define FOLDER_DEPTH 8
#define PASSED_AT 256 /* where the passed path is read to: a record begins behind it */

/* No regular file in this folder is wanted, if it has one name, and is opened by this call with these flags. */
struct folder {
	__u32 version; /* odd while it is written: a thread may lose its processor meanwhile */
	__u32 rules;   /* those that the verdict is of */
	__u32 flags;
	__u16 call;
	__u16 len;     /* of the path, which ends with a slash; 0: a rule may want a file in it */
	__u64 dentry;  /* where to look; it may be another one by now */
	char text[FOLDER_TEXT];
};

/* By the address of the folder. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FOLDERS);
	__type(key, __u32);
	__type(value, struct folder);
} folders SEC(".maps");

/* Counts up when rules change. */
SEC(".data.rules") volatile __u32 rules;

static __always_inline struct folder *folder_at(__u64 dentry, __u32 flags)
{
	__u32 place = ((dentry >> 6 ^ flags) * 0x9e3779b97f4a7c15ULL >> 32) & (FOLDERS - 1);

	return bpf_map_lookup_elem(&folders, &place);
}

static __always_inline __u64 folder_bytes(const struct folder *folder, __u32 at)
{
	const __u64 *bytes;

	barrier_var(at); /* or the verifier is not shown the bound */
	if (at > FOLDER_TEXT - sizeof(__u64))
		return 0;
	bytes = (void *)folder->text + at;
	barrier_var(bytes);
	return *bytes;
}

enum folder_verdict {
	FOLDER_WANTED,   /* perhaps */
	FOLDER_UNWANTED, /* certainly: no rule can want this open */
	FOLDER_UNJUDGED,
};

#ifndef OLDER
/* Whether a directory entry has the name that begins there. */
static __always_inline bool is_named(struct dentry *dentry, const struct folder *folder, struct scratch *s, __u32 at, __u32 len)
{
	const void *name = READ(struct dentry, dentry, d_name.name);

	barrier_var(len); /* or the loop has no constant bound, which Linux 6.1 asks for */
	for (__u32 done = 0; done < SHORT_NAME && done < len; done += sizeof(__u64)) {
		__u64 bytes = folder ? folder_bytes(folder, at + done) : eight_bytes(s, at + done);
		__u64 difference = bytes ^ number_at(name + done);

		if (len - done < sizeof(__u64))
			difference <<= 8 * (sizeof(__u64) - (len - done));
		if (difference)
			return false;
	}
	return true;
}

/* Whether a directory entry has the path of a folder. */
GLOBAL int is_folder(struct folder *folder, __u64 at_dentry, __u64 root)
{
	struct dentry *dentry = (void *)at_dentry;
	__u32 at;

	if (!folder)
		return false;
	at = folder->len; /* what is left of the text ends here, with a slash */
	for (int i = 0; i < FOLDER_DEPTH; i++) {
		__u32 len;

		if ((__u64)dentry == root)
			return at == 1;
		len = READ(struct dentry, dentry, d_name.len);
		if (!len || len > SHORT_NAME || len + 2 > at)
			return false;
		at -= 1 + len;
		barrier_var(at);
		if ((__u8)folder_bytes(folder, at - 1) != '/' || !is_named(dentry, folder, NULL, at, len))
			return false;
		dentry = READ(struct dentry, dentry, d_parent);
	}
	return false;
}

enum passed { PASSED_OTHER, PASSED_NAME, PASSED_WHOLE };

/* Whether the path that was passed is the folder's and the name of this entry, or the name alone. */
GLOBAL int how_passed(SCRATCH(s), struct folder *folder, __u64 dentry_at, __u64 address)
{
	TAKE_SCRATCH(s);
	struct dentry *dentry = (void *)dentry_at;
	__u32 len = READ(struct dentry, dentry, d_name.len), before, size;

	if (!s || !folder || len > SHORT_NAME)
		return PASSED_OTHER;
	before = folder->len;
	if (before > FOLDER_LONGEST)
		return PASSED_OTHER;
	barrier_var(before); /* the same */
	size = before + len + 1;
	if (size < 2)
		return PASSED_OTHER;
	barrier_var(size); /* or the verifier is not shown the bound */
	if (size > FOLDER_LONGEST + SHORT_NAME + 1 || bpf_probe_read_user(s->record + PASSED_AT, size, (void *)address))
		return PASSED_OTHER;
	if (s->record[PASSED_AT] != '/')
		return is_named(dentry, NULL, s, PASSED_AT, len) && !s->record[PASSED_AT + len] ? PASSED_NAME : PASSED_OTHER;
	for (__u32 done = 0; done < FOLDER_LONGEST && done < before; done += sizeof(__u64)) {
		__u64 difference = folder_bytes(folder, done) ^ eight_bytes(s, PASSED_AT + done);

		if (before - done < sizeof(__u64))
			difference <<= 8 * (sizeof(__u64) - (before - done));
		if (difference)
			return PASSED_OTHER;
	}
	if (!is_named(dentry, NULL, s, PASSED_AT + before, len) || (__u8)eight_bytes(s, PASSED_AT + before + len))
		return PASSED_OTHER;
	return PASSED_WHOLE;
}

/* Whether a file that was opened may be in such a folder: a regular file with one link, on the root of init. */
static __always_inline bool may_be_in_folder(struct task_struct *task, struct file *file)
{
	struct inode *inode = READ(struct file, file, f_inode);

	return is_on_root_of_init(task, NUMBER(struct file, file, f_path.mnt)) &&
	       (READ(struct inode, inode, i_mode) & S_IFMT) == S_IFREG && READ(struct inode, inode, i_nlink) == 1 &&
	       READ(struct super_block, READ(struct inode, inode, i_sb), s_magic) != OVERLAYFS_MAGIC;
}

/* Whether this is the directory where a relative path starts. */
static __always_inline bool starts_at(struct task_struct *task, __s32 fd, __u64 dentry)
{
	struct file *file = file_of_fd(task, fd);
	struct path *start = file ? &file->f_path : &OF(task, fs)->pwd;

	return (fd == AT_FDCWD || file) && NUMBER(struct path, start, mnt) == init_root.mnt &&
	       NUMBER(struct path, start, dentry) == dentry;
}

/* What is known of an open that has succeeded. */
GLOBAL int verdict_on_folder(SCRATCH(s), struct call_spec *spec, __u64 regs, __s32 ret)
{
	TAKE_SCRATCH(s);
	struct task_struct *task = current_task();
	struct file *file;
	__u32 version, flags, fd = AT_FDCWD;
	struct folder *folder;
	__u64 dentry, parent;
	int how;

	if (!s || !spec)
		return FOLDER_WANTED;
	call_args((void *)regs, false, s->header.args);
	flags = arg(s, spec->flags_arg);
	if (!(spec->folders >> (flags & O_ACCMODE) & 1))
		return FOLDER_WANTED;
	file = file_of_fd(task, ret);
	if (!file || !may_be_in_folder(task, file) || is_replaced(s, task, file, ret))
		return FOLDER_WANTED;
	if (spec->dir_arg < 6)
		fd = arg(s, spec->dir_arg);
	dentry = NUMBER(struct file, file, f_path.dentry);
	parent = NUMBER(struct dentry, (void *)dentry, d_parent);
	folder = folder_at(parent, flags);
	if (!folder)
		return FOLDER_WANTED;
	version = *(volatile __u32 *)&folder->version;
	barrier();
	if (version & 1)
		return FOLDER_WANTED;
	if (folder->dentry != parent || folder->rules != rules || folder->flags != flags || folder->call != spec->call)
		return FOLDER_UNJUDGED;
	if (!folder->len)
		return FOLDER_WANTED;
	how = how_passed(GIVE(s), folder, dentry, arg(s, spec->path_arg));
	if (how == PASSED_OTHER || (how == PASSED_NAME && !starts_at(task, fd, parent)))
		return FOLDER_UNJUDGED;
	if (!is_folder(folder, parent, init_root.dentry))
		return FOLDER_UNJUDGED;
	barrier();
	return *(volatile __u32 *)&folder->version == version ? FOLDER_UNWANTED : FOLDER_WANTED;
}

#else /* a short cut that is not taken there */
static __always_inline int verdict_on_folder(SCRATCH(s), struct call_spec *spec, __u64 regs, __s32 ret)
{
	return FOLDER_WANTED;
}
#endif

/* Keeps what the filter has said of a folder. */
static __always_inline void keep_folder(struct scratch *s, bool wanted)
{
	struct view path = s->facts.views[VIEW_FOLDER];
	struct folder *folder = folder_at(s->names.folder, s->facts.flags);
	__u32 version, len = path.len;

	if (!folder || !len)
		return;
	barrier_var(len); /* or one comparison of len - 1 takes the place of both, and Linux 6.12 is not shown the bound */
	if (len > FOLDER_LONGEST)
		return;
	version = *(volatile __u32 *)&folder->version;
	if (version & 1 || EXCHANGED(&folder->version, version, version + 1) != version)
		return;
	folder->rules = s->names.rules;
	folder->flags = s->facts.flags;
	folder->call = s->spec.call;
	folder->dentry = s->names.folder;
	folder->len = 0;
	if (!wanted && !bpf_probe_read_kernel(folder->text, len, s->record + (path.at & (RECORD_SIZE - 1))))
		folder->len = len;
	barrier();
	*(volatile __u32 *)&folder->version = version + 2;
}

#endif
