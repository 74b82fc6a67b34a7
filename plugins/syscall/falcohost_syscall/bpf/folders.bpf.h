/* Folders in which no rule can want a file to be opened. What is kept is a fact about a text, the folder's path, and about
 * nothing that can change: each open shows anew that its file is there, under the name that was passed
 * (docs/decisions/0127-folders-that-no-rule-wants.md). */
#ifndef FALCOHOST_FOLDERS_BPF_H
#define FALCOHOST_FOLDERS_BPF_H

#include "direct.bpf.h"
#include "entered.bpf.h"
#include "names.bpf.h"
#include "measure.bpf.h"
#include "replaced.bpf.h"

#define FOLDERS 256     /* for each processor; a power of two */
#define FOLDER_TEXT 104 /* bytes */
#define FOLDER_LONGEST (FOLDER_TEXT - sizeof(__u64))
#define FOLDER_DEPTH 8
#define PASSED_AT 256 /* where the passed path is read to: a record begins behind it */

/* No regular file in this folder is wanted, if it has one name, none that the sieve holds, and is opened by this call with these
 * flags. */
struct folder {
	__u32 version; /* odd while it is written: a thread may lose its processor meanwhile */
	__u32 rules;   /* those that the verdict is of */
	__u32 flags;
	__u16 call;
	__u16 len;     /* of the path, which ends with a slash; 0: a rule may want a file in it, whatever its name */
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

/* A name that falls through is none that rules ask for; one that does not may be. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sieve);
} sieve SEC(".maps");

/* A word of a name of which so many bytes are left: zeros are behind them. */
static __always_inline __u64 name_word(__u64 word, __u32 left)
{
	return left < sizeof(word) ? word & ((1ULL << 8 * left) - 1) : word;
}

static __always_inline bool is_in_sieve(const struct sieve *names, __u64 bytes, __u32 kind)
{
	__u64 place = (bytes + kind) * 0x9e3779b97f4a7c15ULL >> 48;

	return names->bits[place >> 3] >> (place & 7) & 1;
}

/* Whether a rule may ask for a last name of len bytes, of which these are the first (a name_word) and the last eight. */
static __always_inline bool is_asked_for(__u64 first, __u64 last, __u32 len)
{
	__u32 zero = 0;
	struct sieve *names = bpf_map_lookup_elem(&sieve, &zero);
	__u64 kinds;

	if (!names)
		return true;
	kinds = names->kinds;
	for (__u32 i = 0; i < SIEVE_SIZES && len >= 1 << i; i++) {
		__u32 rest = 64 - (8 << i);

		if (kinds >> (1 + i) & 1 && is_in_sieve(names, first << rest >> rest, 1 + i))
			return true;
		if (kinds >> (1 + SIEVE_SIZES + i) & 1 && is_in_sieve(names, last >> rest, 1 + SIEVE_SIZES + i))
			return true;
	}
	return kinds & 1 && is_in_sieve(names, first ^ (__u64)len << 56, 0);
}

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
	__u64 place;

	barrier_var(at); /* or the verifier is not shown the bound */
	if (at > FOLDER_TEXT - sizeof(__u64))
		return 0;
	place = at + __builtin_offsetof(struct folder, text);
	barrier_var(place); /* or a loop keeps one pointer more on the stack */
	bytes = (void *)folder + place;
	barrier_var(bytes);
	return *bytes;
}

enum folder_verdict {
	FOLDER_WANTED,   /* perhaps */
	FOLDER_UNWANTED, /* certainly: no rule can want this open */
	FOLDER_UNJUDGED,
};

#ifndef OLDER
/* Puts what differs in the first bytes of two words, if fewer than 8 are left, where a number shows it. */
static __always_inline __u64 of_first(__u64 difference, __u32 left)
{
	barrier_var(left); /* or a loop keeps on the stack whatever follows from it */
	return left < sizeof(__u64) ? difference << 8 * (sizeof(__u64) - left) : difference;
}

/* Whether a directory entry has the path of a folder, of which so many bytes are left. */
static __always_inline bool is_folder(struct folder *folder, struct dentry *dentry, __u32 at)
{
	for (int i = 0; i < FOLDER_DEPTH; i++) {
		const void *name;
		__u32 len, done;
		__u64 word;

		if ((__u64)dentry == init_root.dentry)
			return at == 1;
		len = dentry->d_name.len;
		if (!len || len > SHORT_NAME || len + 2 > at)
			return false;
		at -= 2 + len; /* there is a slash, and the name behind it */
		name = dentry->d_name.name;
		word = number_at(name) << 8 | '/';
		for (done = 0; done <= SHORT_NAME; done += sizeof(__u64)) {
			__u32 here = done;

			barrier_var(here);
			if (here > len)
				break;
			if (here)
				word = number_at(name + here - 1);
			if (of_first(word ^ folder_bytes(folder, at + here), len + 1 - here))
				return false;
		}
		at++; /* the slash */
		dentry = dentry->d_parent;
	}
	return false;
}

/* A copy of what was passed, if the kernel does not have it in one piece; 0 if there is none. */
static __always_inline __u64 copied_bytes(struct scratch *s, __u64 address, __u32 size)
{
	if (!s)
		s = get_scratch(0);
	if (!s || size > FOLDER_LONGEST + SHORT_NAME + 1 || bpf_probe_read_user(s->record + PASSED_AT, size, (void *)address))
		return 0;
	*(volatile __u64 *)&s->file = (__u64)(s->record + PASSED_AT); /* read again, it is a number */
	return *(volatile __u64 *)&s->file;
}

/* Whether this is the directory where a relative path starts. */
static __always_inline bool starts_at(struct task_struct *task, __s32 fd, __u64 dentry)
{
	struct file *file = file_of_fd(task, fd);
	struct path *start = file ? &file->f_path : &OF(task, fs)->pwd;

	return (fd == AT_FDCWD || file) && NUMBER(struct path, start, mnt) == init_root.mnt &&
	       NUMBER(struct path, start, dentry) == dentry;
}

enum passed { PASSED_OTHER, PASSED_WHOLE, PASSED_ALONE };

/* Whether the path that was passed is the folder's with this last name, or that alone; both end with a NUL. */
static __always_inline enum passed how_passed(struct scratch *s, struct task_struct *task, struct folder *folder, __u64 address,
					      const void *name, __u32 len, __u64 *first)
{
	enum passed passed = PASSED_ALONE;
	__u64 at, word;
	__u32 before = folder->len, size;

	size = before + len + 1;
	barrier_var(size); /* or the verifier is not shown the bound */
	at = direct_bytes(task, address, size);
	if (!at)
		at = copied_bytes(s, address, size);
	if (!at)
		return PASSED_OTHER;
	word = number_at((void *)at);
	if ((__u8)word == '/') {
		for (__u32 done = 0; done < FOLDER_LONGEST && done < before; done += sizeof(__u64)) {
			if (done)
				word = number_at((void *)at + done);
			if (of_first(word ^ folder_bytes(folder, done), before - done))
				return PASSED_OTHER;
		}
		at += before;
		word = number_at((void *)at);
		passed = PASSED_WHOLE;
	}
	*first = name_word(number_at(name), len);
	if (of_first(word ^ *first, len + 1))
		return PASSED_OTHER;
	for (__u32 done = sizeof(__u64); done <= SHORT_NAME; done += sizeof(__u64)) {
		__u32 here = done;

		barrier_var(here);
		if (here > len)
			break;
		if (of_first(number_at((void *)at + here) ^ name_word(number_at(name + here), len - here), len + 1 - here))
			return PASSED_OTHER;
	}
	return passed;
}

/* What is known of an open that has succeeded, in few calls, few loads from the kernel's memory, and little code: a return from a
 * call costs as much as 25 loads where processors are kept from guessing where it leads, and a load is 44 bytes of code. Without
 * a scratch it takes one where it needs it. */
static __always_inline int verdict_on_folder(struct scratch *s, struct call_spec *spec, struct task_struct *task, struct pt_regs *regs,
					     __s32 ret)
{
	struct files_struct *files;
	__u32 flags, version, len;
	enum passed passed;
	__u64 mnt, parent, first;
	struct fdtable *table;
	struct folder *folder;
	struct dentry *dentry;
	struct fs_struct *fs;
	struct inode *inode;
	struct file *file;
	const void *name;

	if (!HAS_CASTS)
		return FOLDER_WANTED;
	flags = spec->flags_arg < EARLY_ARGS ? EARLY_ARG(regs, spec->flags_arg) : 0;
	if (!(spec->folders >> (flags & O_ACCMODE) & 1))
		return FOLDER_WANTED;
	files = task->files;
	table = files->fdt;
	if ((__u32)ret >= table->max_fds)
		return FOLDER_WANTED;
	file = TYPED(struct file, pointer_at((void *)table->fd + (__u64)(__u32)ret * sizeof(void *)));
	fs = task->fs;
	mnt = init_root.mnt;
	if ((__u64)file->f_path.mnt != mnt || (__u64)fs->root.mnt != mnt ||
	    (__u64)fs->root.dentry != init_root.dentry)
		return FOLDER_WANTED;
	inode = file->f_inode;
	if ((inode->i_mode & S_IFMT) != S_IFREG || inode->i_nlink != 1 || init_root.overlaid)
		return FOLDER_WANTED;
	if (files->count.counter > 1) {
		if (!s)
			s = get_scratch(0);
		if (!s || is_replaced(s, task, file, ret))
			return FOLDER_WANTED;
	}
	dentry = file->f_path.dentry;
	parent = NUMBER(struct dentry, dentry, d_parent);
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
	len = dentry->d_name.len;
	if (!len || len > SHORT_NAME)
		return FOLDER_UNJUDGED;
	name = dentry->d_name.name;
	passed = how_passed(s, task, folder, EARLY_ARG(regs, spec->dir_arg == 0), name, len, &first);
	if (passed == PASSED_OTHER)
		return FOLDER_UNJUDGED;
	/* Of openat the path starts at the first argument; open and creat have none for that. */
	if (passed == PASSED_ALONE && !starts_at(task, spec->dir_arg == 0 ? EARLY_ARG(regs, 0) : AT_FDCWD, folder->dentry))
		return FOLDER_UNJUDGED;
	if (is_asked_for(first, number_at(name + len - sizeof(first)), len))
		return FOLDER_WANTED;
	if (!is_folder(folder, TYPED(struct dentry, (void *)folder->dentry), folder->len))
		return FOLDER_UNJUDGED;
	barrier();
	return *(volatile __u32 *)&folder->version == version ? FOLDER_UNWANTED : FOLDER_WANTED;
}

/* The same where it is verified once, for programs that are there several times. */
GLOBAL int judged(SCRATCH(s), struct call_spec *spec, __u64 regs, __s32 ret)
{
	TAKE_SCRATCH(s);

	if (!s || !spec)
		return FOLDER_WANTED;
	return verdict_on_folder(s, spec, current_task(), (void *)regs, ret);
}

#else /* a short cut that is not taken there */
static __always_inline int judged(SCRATCH(s), struct call_spec *spec, __u64 regs, __s32 ret)
{
	return FOLDER_WANTED;
}
#define verdict_on_folder(s, spec, task, regs, ret) FOLDER_WANTED
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
