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
#define FEWEST_DESCRIPTORS 64 /* that each table has room for */
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
SEC(".data.sieve") struct sieve sieve;

/* A word of a name of which so many bytes are left: zeros are behind them. */
static __always_inline __u64 name_word(__u64 word, __u32 left)
{
	return left < sizeof(word) ? word & ((1ULL << 8 * left) - 1) : word;
}

static __always_inline bool is_in_sieve(__u64 bytes, __u32 kind)
{
	__u64 place = (bytes + kind) * 0x9e3779b97f4a7c15ULL >> 48;

	return ((volatile struct sieve *)&sieve)->bits[place >> 3] >> (place & 7) & 1;
}

/* What is compared of a name: its first eight bytes, with zeros behind a shorter one, and the last eight, with zeros or others before it. */
struct leaf_ends {
	__u64 first, last;
};

/* Whether a rule may ask for a last name of len bytes. */
static __always_inline bool is_asked_for(struct leaf_ends ends, __u32 len)
{
	__u64 kinds = *(volatile __u64 *)&sieve.kinds;

#pragma unroll
	for (__u32 i = 0; i < SIEVE_SIZES; i++) {
		__u64 begins = 1ULL << (1 + i), is_end = begins << SIEVE_SIZES;
		__u32 rest = 64 - (8 << i);

		if (!(kinds & (begins | is_end)) || len < 1 << i)
			continue;
		if (kinds & begins && is_in_sieve(ends.first << rest >> rest, 1 + i))
			return true;
		if (kinds & is_end && is_in_sieve(ends.last >> rest, 1 + SIEVE_SIZES + i))
			return true;
	}
	return kinds & 1 && is_in_sieve(ends.first ^ (__u64)len << 56, 0);
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

/* The words of a name that is in its directory entry: one cast for all that lie at constant places. */
struct name_words {
	__u64 word[SHORT_NAME / sizeof(__u64)];
};

static __always_inline const struct name_words *words_at(const void *address)
{
	return (const void *)TYPED(struct pt_regs, address); /* of whose members each is such a word */
}

/* Where a directory entry has a name of less than SHORT_NAME bytes: longer ones may lie elsewhere. */
static __always_inline const void *short_name_of(struct dentry *dentry)
{
	struct dentry___until_6_13 *older = (void *)dentry;

	return (const void *)dentry + (bpf_core_field_exists(dentry->d_shortname) ? bpf_core_field_offset(dentry->d_shortname) :
										     bpf_core_field_offset(older->d_iname));
}

/* Whether a directory entry has the path of a folder, of which so many bytes are left. Words are read in a loop: where
 * each had a place of its own, the verifier would go through 13 times as many instructions. */
static __always_inline bool is_folder(struct folder *folder, struct dentry *dentry, __u32 at)
{
	for (int i = 0; i < FOLDER_DEPTH; i++) {
		__u32 len, done;
		__u64 word;

		if ((__u64)dentry == init_root.dentry)
			return at == 1;
		len = dentry->d_name.len;
		if (!len || len >= SHORT_NAME || len + 2 > at)
			return false;
		at -= 2 + len; /* there is a slash, and the name behind it */
		word = words_at(short_name_of(dentry))->word[0] << 8 | '/';
		for (done = 0; done <= SHORT_NAME; done += sizeof(__u64)) {
			__u32 here = done;

			barrier_var(here);
			if (here > len)
				break;
			if (here)
				word = number_at((const void *)dentry->d_name.name + here - 1);
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

/* Whether a last name of len bytes was passed there, with a NUL behind it, whatever is behind the name by now; its ends. */
static __always_inline bool is_last_name(const struct name_words *passed, const struct name_words *name, __u32 len,
					 struct leaf_ends *ends)
{
	__u32 whole = len / sizeof(__u64), bits = 8 * (len & (sizeof(__u64) - 1));
	__u64 before = 0;

	barrier_var(whole); /* or all that follows is verified for each length */
	ends->first = name->word[0];
#pragma unroll
	for (__u32 i = 0; i < SHORT_NAME / sizeof(__u64); i++) {
		__u64 word = i ? name->word[i] : ends->first, there = passed->word[i];

		if (i == whole) {
			word &= (1ULL << bits) - 1;
			if (!i)
				ends->first = word;
			ends->last = before >> bits | word << (-bits & 63);
			return !((there ^ word) << (56 - bits));
		}
		if (there != word)
			return false;
		before = word;
	}
	return false;
}

/* Whether the path that was passed is the folder's with this last name, or that alone; both end with a NUL. */
static __always_inline enum passed how_passed(struct scratch *s, struct task_struct *task, struct folder *folder, __u64 address,
					      const struct name_words *name, __u32 len, struct leaf_ends *ends)
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
		passed = PASSED_WHOLE;
	}
	return is_last_name(words_at((void *)at), name, len, ends) ? passed : PASSED_OTHER;
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
	struct leaf_ends ends;
	__u64 mnt, parent;
	struct fdtable *table;
	struct folder *folder;
	struct dentry *dentry;
	struct fs_struct *fs;
	struct inode *inode;
	struct file *file;

	if (!HAS_CASTS)
		return FOLDER_WANTED;
	regs = TYPED(struct pt_regs, regs);
	flags = spec->flags_arg == 2 ? THIRD_ARG(regs) : spec->flags_arg == 1 ? SECOND_ARG(regs) : 0;
	if (!(spec->folders >> (flags & O_ACCMODE) & 1))
		return FOLDER_WANTED;
	files = task->files;
	table = files->fdt;
	if ((__u32)ret >= FEWEST_DESCRIPTORS && (__u32)ret >= table->max_fds)
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
	if (!len || len >= SHORT_NAME)
		return FOLDER_UNJUDGED;
	passed = how_passed(s, task, folder, spec->dir_arg == 0 ? SECOND_ARG(regs) : FIRST_ARG(regs),
			    words_at(short_name_of(dentry)), len, &ends);
	if (passed == PASSED_OTHER)
		return FOLDER_UNJUDGED;
	/* Of openat the path starts at the first argument; open and creat have none for that. */
	if (passed == PASSED_ALONE && !starts_at(task, spec->dir_arg == 0 ? FIRST_ARG(regs) : AT_FDCWD, folder->dentry))
		return FOLDER_UNJUDGED;
	if (is_asked_for(ends, len))
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
