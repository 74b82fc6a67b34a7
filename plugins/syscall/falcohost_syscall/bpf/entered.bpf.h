/* What a caller passes in its memory, for the few calls that leave nothing behind from which it is known, and the file of the
 * descriptor that it passes: as they are when the call begins, to be compared when the call returns, since another thread may
 * change them meanwhile. Both are after or before the moment in which the kernel reads them, so who changes them twice at the
 * right moments still hides them, unless a hook has the kernel's own copy. What cannot be compared is marked
 * (FLAG_UNCOMPARED). */
#ifndef FALCOHOST_ENTERED_BPF_H
#define FALCOHOST_ENTERED_BPF_H

#include "call_number.bpf.h"
#include "ignored.bpf.h"
#include "kept_file.bpf.h"
#include "user_memory.bpf.h"

#define TEXT_ABSENT 0xffff
#define TEXT_UNREADABLE 0xfffe /* not in memory when the call began, so it had to be brought there first */
#define FMODE_PATH 0x4000
/* Flags of open(2) that a file keeps, and those that it does not. */
#define O_ACCMODE 3
#define O_CREAT 0100
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_PATH 010000000

/* A text is told apart from others by its length and hash (SipHash-1-3 with a secret key). */
struct entered_text {
	__u64 hash;
	__u16 len;
	char kept[ENTERED_KEPT];
};

enum entered_which { ENTERED_PATH, ENTERED_PATH2, ENTERED_STR, ENTERED_TEXTS };

/* By thread. */
struct entered {
	__u32 call; /* row of calls/rows.py; 0: none, or it was compared */
	__u16 has_how;
	__u16 attribute; /* the hook for the attribute's name was not passed yet */
	__u64 how[3]; /* struct open_how */
	__u64 args[6];
	struct kept_file file; /* behind the descriptor, if other threads may put another one there */
	struct entered_text texts[ENTERED_TEXTS];
};

OF_THREADS(entered, struct entered);

/* A text and zeros behind it. */
struct text_bytes {
	__u64 words[CHUNK / 8 + 1];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct text_bytes);
} entering SEC(".maps");

#ifdef OLDER
/* A text by its number: that of `entering`, or one more than the place of the scratch in whose path it is. */
static __always_inline struct text_bytes *text_at(__u32 number)
{
	__u32 zero = 0;
	struct scratch *s;

	if (!number)
		return bpf_map_lookup_elem(&entering, &zero);
	s = scratch_at(number - 1);
	return s ? (void *)s->path : NULL;
}
#endif

struct sip {
	const struct text_bytes *text;
	__u64 a, b, c, d;
};

#define TURNED(x, by) ((x) << (by) | (x) >> (64 - (by)))

static __always_inline void sip_round(struct sip *s)
{
	s->a += s->b;
	s->b = TURNED(s->b, 13) ^ s->a;
	s->a = TURNED(s->a, 32);
	s->c += s->d;
	s->d = TURNED(s->d, 16) ^ s->c;
	s->a += s->d;
	s->d = TURNED(s->d, 21) ^ s->a;
	s->c += s->b;
	s->b = TURNED(s->b, 17) ^ s->c;
	s->c = TURNED(s->c, 32);
}

static int sip_step(__u32 i, struct sip *s)
{
	__u64 word;

	if (i > CHUNK / 8)
		return 1;
	word = s->text->words[i];
	s->d ^= word;
	sip_round(s);
	s->a ^= word;
	return 0;
}

/* The hash of a text of len bytes, behind which the rest of the last word is cleared. */
GLOBAL __u64 hash_of(BY_NUMBER(struct text_bytes, text), __u32 len)
{
	TAKE(struct text_bytes, text, text_at(text_number));
	struct sip s = {
		.text = text,
		.a = settings.secret[0] ^ 0x736f6d6570736575ULL,
		.b = settings.secret[1] ^ 0x646f72616e646f6dULL,
		.c = settings.secret[0] ^ 0x6c7967656e657261ULL,
		.d = settings.secret[1] ^ 0x7465646279746573ULL,
	};

	if (!text || len > CHUNK)
		return 0;
	if (len & 7)
		text->words[len >> 3] &= (1ULL << 8 * (len & 7)) - 1;
	LOOP(CHUNK / 8 + 1, (len + 7) >> 3, sip_step, &s);
	s.c ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}

/* Keeps a text of len bytes with its NUL, which is in text; nothing if it could not be read. */
static __always_inline void keep_text_of(struct entered_text *to, struct text_bytes *text, long len)
{
	to->len = TEXT_UNREADABLE;
	if (len <= 0 || len > CHUNK)
		return;
	bpf_probe_read_kernel(to->kept, sizeof(to->kept), text->words);
	to->hash = hash_of(GIVE_AS(text, 0), len - 1);
	to->len = len - 1;
}

/* Keeps the text that an argument of the call points to. */
GLOBAL int keep_entered(BY_NUMBER(struct entered, e), BY_NUMBER(struct text_bytes, text), __u32 which, __u32 arg)
{
	TAKE(struct entered, e, OWN(entered));
	TAKE(struct text_bytes, text, text_at(0));
	__u64 address;

	if (!e || !text || which >= ENTERED_TEXTS)
		return 0;
	address = arg < 6 ? e->args[arg] : 0;
	if (address)
		keep_text_of(&e->texts[which], text, read_string((char *)text->words, CHUNK, address));
	else
		e->texts[which].len = TEXT_ABSENT;
	return 0;
}

/* The call from which the thread returns, as it was entered; NULL if that was not seen. */
static __always_inline struct entered *entered_by(struct scratch *s)
{
	struct entered *e;

	if (!(s->spec.want & WANT_ENTERED))
		return NULL;
	e = OWN(entered);
	return e && e->call == s->spec.call ? e : NULL;
}

static __always_inline void know_no_text(struct facts *facts)
{
	for (int i = 0; i < VIEWS; i++)
		see(facts, i, 0, VIEW_UNKNOWN);
}

/* Whether the text that an argument points to is another than it was, or cannot be read any more. */
GLOBAL int differs(SCRATCH(s), BY_NUMBER(struct entered, e), __u32 which, __u32 argument)
{
	TAKE_SCRATCH(s);
	TAKE(struct entered, e, OWN(entered));
	struct entered_text *was;
	struct text_bytes *text;
	long len;

	if (!s || !e || which >= ENTERED_TEXTS)
		return false;
	was = &e->texts[which];
	text = (void *)s->path;
	if (was->len == TEXT_UNREADABLE)
		s->header.flags |= FLAG_UNCOMPARED;
	if (was->len >= TEXT_UNREADABLE)
		return false;
	len = read_string((char *)text->words, CHUNK, arg(s, argument)) - 1;
	return len != was->len || hash_of(GIVE_AS(text, s->self + 1), len) != was->hash;
}

/* Whether only the thread itself can change its memory, unless that is shared in another way, and its descriptors. */
static __always_inline bool is_alone(struct task_struct *task)
{
	return OF(OF(task, mm), mm_users.counter) == 1 && !shares_descriptors(task);
}

/* Keeps the file behind the descriptor that the call was given. */
static __always_inline void keep_entered_file(struct entered *e, struct task_struct *task, __u32 arg)
{
	struct file *file = arg < 6 && shares_descriptors(task) ? file_of_fd(task, e->args[arg]) : NULL;

	if (file)
		keep_file(&e->file, file);
	else
		e->file.file = 0;
}

/* Finds out whether a text was changed, or a descriptor's file replaced, before any filter is asked. */
static __always_inline void note_rewritten(struct scratch *s, struct task_struct *task)
{
	struct entered *e = entered_by(s);
	bool other;

	if (!e) {
		if (!(s->spec.want & WANT_FREQUENT && is_alone(task)))
			s->header.flags |= FLAG_UNCOMPARED;
		return;
	}
	other = differs(GIVE(s), GIVE_AS(e, 0), ENTERED_PATH, s->spec.path_arg);
	other |= differs(GIVE(s), GIVE_AS(e, 0), ENTERED_PATH2, s->spec.path2_arg);
	other |= differs(GIVE(s), GIVE_AS(e, 0), ENTERED_STR, s->spec.str_arg);
	if (other)
		s->header.flags |= FLAG_REWRITTEN;
	if (e->file.file)
		tell_kept(s, task, &e->file, arg(s, s->spec.fd_arg));
}

/* Compares a text with what it was, and puts that into the record if it is another now. */
GLOBAL int compare_text(SCRATCH(s), BY_NUMBER(struct entered, e), __u32 which, __u32 index)
{
	TAKE_SCRATCH(s);
	TAKE(struct entered, e, OWN(entered));
	struct text_bytes *text;
	struct entered_text *was;
	struct view now;
	char *room;
	__u32 len;

	if (!s || !e || which >= ENTERED_TEXTS)
		return 0;
	was = &e->texts[which];
	text = (void *)s->path;
	now = s->facts.views[index & 7];
	len = now.len;
	if (was->len >= TEXT_UNREADABLE)
		return 0;
	if (len == was->len && len < CHUNK &&
	    bpf_probe_read_kernel(text, len, s->record + (now.at & (RECORD_SIZE - 1))) == 0 && hash_of(GIVE_AS(text, s->self + 1), len) == was->hash)
		return 0;
	s->header.flags |= FLAG_REWRITTEN;
	room = section_room(s);
	len = was->len;
	barrier_var(len);
	if (!room || len > ENTERED_KEPT)
		return 0;
	if (bpf_probe_read_kernel(room, len, was->kept) == 0)
		end_section(s, SEC_ENTERED_PATH + which, len);
	return 0;
}

/* Compares what the call was entered with. After a difference filters know no text, so all rules are asked. */
GLOBAL int compare_entered(SCRATCH(s))
{
	TAKE_SCRATCH(s);
	struct entered *e;

	if (!s)
		return 0;
	e = entered_by(s);
	if (!e)
		return 0;
	e->call = 0;
	compare_text(GIVE(s), GIVE_AS(e, 0), ENTERED_PATH, VIEW_PATH);
	compare_text(GIVE(s), GIVE_AS(e, 0), ENTERED_PATH2, VIEW_PATH2);
	compare_text(GIVE(s), GIVE_AS(e, 0), ENTERED_STR, VIEW_STR);
	if (s->header.flags & FLAG_REWRITTEN)
		know_no_text(&s->facts);
	return 0;
}

/* The struct open_how of openat2(2), corrected by what the opened file has. */
static __always_inline void read_how(struct scratch *s, struct task_struct *task)
{
	const __u64 kept = O_ACCMODE | O_APPEND | O_PATH;
	__u64 *how = &s->header.args[3];
	struct file *file = s->header.ret < 0 ? NULL : file_of_fd(task, s->header.ret);
	struct entered *e = entered_by(s);
	__u32 mode;

	if (bpf_probe_read_user(how, 3 * sizeof(*how), (void *)s->header.args[2]))
		s->header.flags |= FLAG_UNREADABLE;
	if (e && e->has_how && (e->how[0] != how[0] || e->how[1] != how[1] || e->how[2] != how[2])) {
		s->header.flags |= FLAG_REWRITTEN;
		how[0] |= e->how[0] & (O_CREAT | O_TRUNC);
		how[1] |= e->how[1];
		how[2] &= e->how[2];
	}
	if (e && !e->has_how)
		s->header.flags |= FLAG_UNCOMPARED;
	if (!file)
		return;
	mode = READ(struct file, file, f_mode);
	how[0] = (how[0] & ~kept) | (READ(struct file, file, f_flags) & kept);
	if (mode & FMODE_CREATED)
		how[0] |= O_CREAT;
}

#endif
