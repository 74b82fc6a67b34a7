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

static __always_inline bool is_in_sieve(const struct sieve *names, __u64 bytes, __u32 kind)
{
	__u64 place = (bytes + kind) * 0x9e3779b97f4a7c15ULL >> 48;

	return names->bits[place >> 3] >> (place & 7) & 1;
}

/* Whether a rule may ask for a last name of len bytes, of which these are the first and the last eight. */
static __always_inline bool is_asked_for(__u64 first, __u64 last, __u32 len)
{
	__u32 zero = 0;
	struct sieve *names = bpf_map_lookup_elem(&sieve, &zero);

	if (!names)
		return true;
	if (!names->kinds)
		return false;
	for (__u32 i = 0; i < SIEVE_SIZES && len >= 1 << i; i++) {
		__u32 rest = 64 - (8 << i);

		if (names->kinds >> (1 + i) & 1 && is_in_sieve(names, first << rest >> rest, 1 + i))
			return true;
		if (names->kinds >> (1 + SIEVE_SIZES + i) & 1 && is_in_sieve(names, last >> rest, 1 + SIEVE_SIZES + i))
			return true;
	}
	if (len < sizeof(first))
		first &= (1ULL << 8 * len) - 1;
	return names->kinds & 1 && is_in_sieve(names, first ^ (__u64)len << 56, 0);
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
/* Whether a directory entry has the name that begins there: in a folder's text, or in the kernel's memory. */
static __always_inline bool is_named(struct dentry *dentry, const struct folder *folder, __u64 at, __u32 len)
{
	const void *name = dentry->d_name.name;
	__u32 here, rest;

	for (__u32 done = 0; done < SHORT_NAME; done += sizeof(__u64)) {
		__u64 difference;

		here = done;
		barrier_var(here); /* or a loop keeps on the stack whatever follows from it */
		if (here >= len)
			break;
		difference = (folder ? folder_bytes(folder, at + here) : number_at((void *)at + here)) ^ number_at(name + here);
		rest = len - here;
		if (rest < sizeof(__u64))
			difference <<= 8 * (sizeof(__u64) - rest);
		if (difference)
			return false;
	}
	return true;
}

/* Whether a directory entry has the path of a folder. */
static __always_inline bool is_folder(struct folder *folder, __u64 at_dentry)
{
	struct dentry *dentry = TYPED(struct dentry, (void *)at_dentry);
	__u32 at = folder->len; /* what is left of the text ends here, with a slash */

	for (int i = 0; i < FOLDER_DEPTH; i++) {
		__u32 len;

		if (at_dentry == *(volatile __u64 *)&init_root.dentry)
			return at == 1;
		len = dentry->d_name.len;
		if (!len || len > SHORT_NAME || len + 2 > at)
			return false;
		at -= 1 + len;
		barrier_var(at);
		if ((__u8)folder_bytes(folder, at - 1) != '/' || !is_named(dentry, folder, at, len))
			return false;
		at_dentry = NUMBER(struct dentry, dentry, d_parent);
		dentry = TYPED(struct dentry, (void *)at_dentry);
	}
	return false;
}

enum passed { PASSED_OTHER, PASSED_WHOLE, PASSED_ALONE };

/* Whether the path that was passed is the folder's with the name of this entry, or the name alone. */
static __always_inline enum passed how_passed(struct scratch *s, struct task_struct *task, struct folder *folder, struct dentry *dentry,
					      __u64 address)
{
	__u32 len = dentry->d_name.len, before = folder->len, size, rest;
	enum passed passed = PASSED_ALONE;
	__u64 at;

	if (len > SHORT_NAME || before > FOLDER_LONGEST)
		return PASSED_OTHER;
	barrier_var(before); /* or the verifier is not shown the bound */
	size = before + len + 1;
	if (size < 2)
		return PASSED_OTHER;
	barrier_var(size); /* the same */
	at = direct_bytes(task, address, size);
	if (!at) {
		if (size > FOLDER_LONGEST + SHORT_NAME + 1 || bpf_probe_read_user(s->record + PASSED_AT, size, (void *)address))
			return PASSED_OTHER;
		*(volatile __u64 *)&s->file = (__u64)(s->record + PASSED_AT); /* read again, it is a number */
		at = *(volatile __u64 *)&s->file;
	}
	if ((__u8)number_at((void *)at) == '/') {
		for (__u32 done = 0; done < FOLDER_LONGEST && done < before; done += sizeof(__u64)) {
			__u64 difference = folder_bytes(folder, done) ^ number_at((void *)at + done);

			rest = before - done;
			barrier_var(rest);
			if (rest < sizeof(__u64))
				difference <<= 8 * (sizeof(__u64) - rest);
			if (difference)
				return PASSED_OTHER;
		}
		at += before;
		passed = PASSED_WHOLE;
	}
	if (!is_named(dentry, NULL, at, len) || (__u8)number_at((void *)at + len))
		return PASSED_OTHER;
	return passed;
}

/* Whether this is the directory where a relative path starts. */
static __always_inline bool starts_at(struct task_struct *task, __s32 fd, __u64 dentry)
{
	struct file *file = file_of_fd(task, fd);
	struct path *start = file ? &file->f_path : &OF(task, fs)->pwd;

	return (fd == AT_FDCWD || file) && NUMBER(struct path, start, mnt) == init_root.mnt &&
	       NUMBER(struct path, start, dentry) == dentry;
}

/* What is known of an open that has succeeded, in as few calls as possible: the return from each costs as much as 25 loads where
 * processors are kept from guessing where it leads. */
static __always_inline int verdict_on_folder(struct scratch *s, struct call_spec *spec, struct task_struct *task,
					     struct pt_regs *registers, __s32 ret)
{
	__u64 first, second, third, path, parent;
	bool at = spec->dir_arg == 0; /* openat, else open or creat */
	struct files_struct *files;
	__u32 flags, version, len;
	const void *name;
	enum passed passed;
	struct fdtable *table;
	struct folder *folder;
	struct dentry *dentry;
	struct fs_struct *fs;
	struct pt_regs *regs;
	struct inode *inode;
	struct file *file;

	if (!HAS_CASTS)
		return FOLDER_WANTED;
	regs = TYPED(struct pt_regs, registers);
	first = FIRST_ARG(regs);
	second = SECOND_ARG(regs);
	third = THIRD_ARG(regs);
	path = at ? second : first;
	flags = spec->flags_arg == 1 ? second : spec->flags_arg == 2 ? third : 0;
	files = task->files;
	table = files->fdt;
	fs = task->fs;
	if (!(spec->folders >> (flags & O_ACCMODE) & 1) || (__u32)ret >= table->max_fds)
		return FOLDER_WANTED;
	file = TYPED(struct file, pointer_at((void *)table->fd + (__u64)(__u32)ret * sizeof(void *)));
	if ((__u64)file->f_path.mnt != init_root.mnt || (__u64)fs->root.mnt != init_root.mnt ||
	    (__u64)fs->root.dentry != init_root.dentry)
		return FOLDER_WANTED;
	inode = file->f_inode;
	if ((inode->i_mode & S_IFMT) != S_IFREG || inode->i_nlink != 1 || init_root.overlaid)
		return FOLDER_WANTED;
	if (files->count.counter > 1 && is_replaced(s, task, file, ret))
		return FOLDER_WANTED;
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
	passed = how_passed(s, task, folder, dentry, path);
	if (passed == PASSED_OTHER)
		return FOLDER_UNJUDGED;
	if (passed == PASSED_ALONE && !starts_at(task, spec->dir_arg == 0 ? FIRST_ARG(TYPED(struct pt_regs, registers)) : AT_FDCWD, parent))
		return FOLDER_UNJUDGED;
	name = dentry->d_name.name;
	len = dentry->d_name.len;
	if (is_asked_for(number_at(name), number_at(name + len - sizeof(__u64)), len))
		return FOLDER_WANTED;
	if (!is_folder(folder, parent))
		return FOLDER_UNJUDGED;
	barrier();
	return *(volatile __u32 *)&folder->version == version ? FOLDER_UNWANTED : FOLDER_WANTED;
}

/* The same where it is verified once, for programs that are there several times. */
GLOBAL int verdict_at_function(SCRATCH(s), struct call_spec *spec, __u64 regs, __s32 ret)
{
	TAKE_SCRATCH(s);

	if (!s || !spec)
		return FOLDER_WANTED;
	return verdict_on_folder(s, spec, current_task(), (void *)regs, ret);
}

#else /* a short cut that is not taken there */
static __always_inline int verdict_at_function(SCRATCH(s), struct call_spec *spec, __u64 regs, __s32 ret)
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
