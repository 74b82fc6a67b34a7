/* The requested name of a file: the path that was passed, made absolute without following links. */
#ifndef FALCOHOST_REQUESTED_BPF_H
#define FALCOHOST_REQUESTED_BPF_H

#include "task.bpf.h"
#include "user_memory.bpf.h"

#define TEXT_LOOKED_AT 1024 /* longer paths are not made whole; what is not told passes */

/* Two texts in struct scratch, by their offsets from the start of the record; s->path comes after the record. */
struct compared {
	struct scratch *s;
	__u32 one, other, len;
	bool different;
};

#define RECORD_AND_PATH (sizeof(((struct scratch *)0)->record) + sizeof(((struct scratch *)0)->path))
#define PATH_AT sizeof(((struct scratch *)0)->record)
#define COMPARED_AT_ONCE 48 /* without a loop */

static __always_inline __u64 eight_bytes(struct scratch *s, __u32 at)
{
	const __u64 *bytes;
	__u64 place;

	barrier_var(at); /* or the verifier is not shown the bound */
	if (at > RECORD_AND_PATH - sizeof(__u64))
		return 0;
	place = at + __builtin_offsetof(struct scratch, record);
	barrier_var(place); /* or a loop keeps one pointer more on the stack */
	bytes = (void *)s + place;
	barrier_var(bytes); /* or the compiler reads them one by one */
	return *bytes;
}

/* Compares up to eight bytes; true if that was the last comparison. */
static __always_inline bool compare(struct compared *compared, __u32 done)
{
	__u32 left = compared->len - done;
	__u64 difference = eight_bytes(compared->s, compared->one + done) ^ eight_bytes(compared->s, compared->other + done);

	if (left < sizeof(__u64))
		difference <<= 8 * (sizeof(__u64) - left);
	compared->different = difference != 0;
	return difference != 0 || left <= sizeof(__u64);
}

STEP_WITH_SCRATCH(compare_step, struct compared, compared)
{
	return compare(compared, COMPARED_AT_ONCE + i * sizeof(__u64));
}

/* Whether two texts of the same length are equal. */
GLOBAL int is_same(SCRATCH(s), __u32 one, __u32 other, __u32 len)
{
	TAKE_SCRATCH(s);
	struct compared compared = {.s = s, .one = one, .other = other, .len = len};

	if (!s || !len)
		return false;
	for (__u32 done = 0; done < COMPARED_AT_ONCE; done += sizeof(__u64))
		if (compare(&compared, done))
			return !compared.different;
	LOOP_WITH_SCRATCH(CHUNK / sizeof(__u64), CHUNK / sizeof(__u64), compare_step, compared);
	return !compared.different;
}

/* Whether s->path holds the text of VIEW_NAME. */
static __always_inline bool walked_is_told(struct scratch *s)
{
	struct view told = s->facts.views[VIEW_NAME];

	return told.len == CHUNK - s->walk.pos && is_same(GIVE(s), PATH_AT + s->walk.pos, told.at, told.len);
}

/* A path in a text is read backwards. The position of its beginning is in the map, for the same reason as struct
 * walk. */
/* Puts the component that begins at names.at before what s->path holds; false if it does not fit. */
static __always_inline bool put_component(struct scratch *s)
{
	__u32 size = s->names.size, at = s->names.at & (RECORD_SIZE - 1);
	bool dots = size == s->names.dots;
	struct walk *w = &s->walk;

	s->names.size = s->names.dots = 0;
	if (!size || (dots && size == 1))
		return true;
	if (dots && size == 2)
		w->skip++;
	else if (w->skip)
		w->skip--;
	else
		return prepend(s, &s->record[at], size, true);
	return true;
}

STEP(text_step)
{
	TAKE_STEP(s);
	char c = s->record[(s->names.at - 1) & (RECORD_SIZE - 1)];

	if (c != '/') {
		s->names.size++;
		s->names.dots += c == '.';
	} else if (!put_component(s)) {
		return 1;
	}
	s->names.at--;
	return 0;
}

/* Fills s->path with the first path argument, made absolute (records/text.py: absolute); false if that is not known. */
GLOBAL int write_requested(SCRATCH(s))
{
	TAKE_SCRATCH(s);
	struct task_struct *task = current_task();
	STEP_CONTEXT(s);
	struct path *start;
	struct view path;
	struct file *file;
	__s32 fd;

	if (!s)
		return false;
	path = s->facts.views[VIEW_PATH];
	if (path.len > TEXT_LOOKED_AT)
		return false;
	begin_walk(&s->walk);
	s->names.at = path.at + path.len;
	s->names.size = s->names.dots = 0;
	LOOP_OF(TEXT_LOOKED_AT, path.len, text_step, s);
	if (path.len && s->record[path.at & (RECORD_SIZE - 1)] == '/') {
		if (s->walk.pos == CHUNK)
			prepend(s, NULL, 0, true);
		return !s->walk.cut;
	}
	put_component(s);
	fd = s->spec.dir_arg < 6 ? (__s32)s->header.args[s->spec.dir_arg] : AT_FDCWD;
	file = file_of_fd(task, fd);
	start = file ? &file->f_path : &OF(task, fs)->pwd;
	if (fd != AT_FDCWD && (!file || is_nameless(READ(struct path, start, mnt), READ(struct path, start, dentry))))
		return false;
	walk_up(s, NUMBER(struct task_struct, task, fs), NUMBER(struct path, start, mnt), NUMBER(struct path, start, dentry));
	return !s->walk.cut && !is_detached(&s->walk);
}

#define WHOLE_LOOKED_AT 256
#define WHOLE_LEAF 64

/* The highest bit of each byte that equals this one. */
static __always_inline __u64 bytes_that_are(__u64 word, __u8 byte)
{
	const __u64 each = 0x0101010101010101ULL, low = 0x7f * each;
	__u64 other = word ^ byte * each;

	return ~(((other & low) + low) | other | low);
}

/* The length of the last component of a path that needs no change, as most do not: it begins with a slash, and no slash is
 * followed by another, a dot or the end. 0 for other paths and long ones. Eight bytes are examined at a time. */
GLOBAL int leaf_of_whole(SCRATCH(s), __u32 at, __u32 len)
{
	TAKE_SCRATCH(s);
	const __u64 *bytes;
	__u64 behind = 0;

	if (!s || len < 2 || len > WHOLE_LOOKED_AT)
		return 0;
	at &= RECORD_SIZE - 1;
	barrier_var(at);
	bytes = (void *)s->record + at;
	barrier_var(bytes); /* or the compiler reads them one by one */
	if ((__u8)*bytes != '/')
		return 0;
	/* Bounds that are tested in the loop would have the verifier follow it once for each result. */
	for (__u32 done = 0; done < WHOLE_LOOKED_AT && done < len; done += sizeof(__u64)) {
		__u64 word = *bytes++;
		__u64 slashes = bytes_that_are(word, '/'), dots = bytes_that_are(word, '.');

		if (len - done < sizeof(word)) {
			slashes &= (1ULL << 8 * (len - done)) - 1;
			dots &= (1ULL << 8 * (len - done)) - 1;
		}
		if ((slashes << 8 | behind) & (slashes | dots))
			return 0;
		behind = slashes >> 56;
	}
	for (__u32 leaf = 0; leaf < WHOLE_LEAF && leaf < len; leaf++)
		if (s->record[(at + len - 1 - leaf) & (RECORD_SIZE - 1)] == '/')
			return leaf;
	return 0;
}

static __always_inline void see_no_name(struct facts *facts)
{
	see(facts, VIEW_NAME, 0, VIEW_UNKNOWN);
	see(facts, VIEW_DIRECTORY, 0, VIEW_UNKNOWN);
	see(facts, VIEW_FILENAME, 0, VIEW_UNKNOWN);
}

/* Gives filters the requested name. It is behind the end of the record, where nothing is put any more that they read. */
GLOBAL int see_requested(SCRATCH(s))
{
	TAKE_SCRATCH(s);
	struct view path, told;
	__u32 pos, len, leaf;
	char *room;

	if (!s)
		return false;
	path = s->facts.views[VIEW_PATH];
	if (path.len > VIEW_LONGEST)
		return false; /* paged out: nobody can tell it */
	leaf = leaf_of_whole(GIVE(s), path.at, path.len);
	if (leaf) {
		told = s->facts.views[VIEW_NAME];
		if (told.len == path.len && is_same(GIVE(s), path.at, told.at, told.len))
			return false;
		see_name(&s->facts, path.at, path.len, leaf);
		return true;
	}
	if (!write_requested(GIVE(s))) {
		see_no_name(&s->facts);
		return true;
	}
	if (walked_is_told(s))
		return false;
	see_no_name(&s->facts);
	pos = s->walk.pos & (2 * CHUNK - 1);
	barrier_var(pos);
	room = section_room(s);
	if (!room || pos > CHUNK)
		return true;
	len = CHUNK - pos;
	if (len && bpf_probe_read_kernel(room, len, s->path + pos) == 0)
		see_name(&s->facts, s->pos + sizeof(struct section), len, s->walk.leaf);
	return true;
}

#endif
