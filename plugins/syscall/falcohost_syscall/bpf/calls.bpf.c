/* System calls, on return: the cheap facts. Then (through program arrays) come the filters, the costly facts (gathering.bpf.c), and the
 * ring (sending.bpf.c). */
#include "call_number.bpf.h"
#include "about.bpf.h"
#include "tell.bpf.h"
#include "measure.bpf.h"
#include "object.bpf.h"
#include "file_names.bpf.h"
#include "folders.bpf.h"
#include "reached.bpf.h"
#include "left.bpf.h"
#include "made.bpf.h"
#include "flood.bpf.h"
#include "ignored.bpf.h"
#include "handover.bpf.h"
#include "asked.bpf.h"
#include "entered.bpf.h"
#include "present.bpf.h"
#include <bpf/bpf_tracing.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_NR);
	__type(key, __u32);
	__type(value, struct call_spec);
} calls SEC(".maps");

FILTERS(filters);

/* What user space has found behind a key of cgroups: layout.py: ON_HOST, IN_CONTAINER. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} containers SEC(".maps");

/* Which programs are in it, and in the other arrays of stages, is told by drivers/modern_ebpf/stages.py: rules may need not all. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, STAGES);
	__type(key, __u32);
	__type(value, __u32);
} stages SEC(".maps");

#define LOOK_RETURNED 1

/* What looks for files that were opened silently (silent.bpf.h), if there are programs for io_uring; by way of perf also what
 * follows when a call returns. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} looking SEC(".maps");

static __always_inline bool unwanted(struct call_spec *spec, __u32 tgid, long ret)
{
	if (ret >= 0 && spec->want & WANT_FAILED_ONLY)
		return true;
	if (ret < 0 && spec->want & WANT_SUCCESS_ONLY)
		return true;
	return !(spec->want & WANT_SENTINEL) && ignored(tgid);
}

/* Whether no rule can want a call with this argument, of those that a 64-bit program passed. */
static __always_inline bool is_other_sort(struct call_spec *spec, struct pt_regs *regs)
{
	__u32 value;

	if (spec->sort_arg >= EARLY_ARGS || !(HAS_CASTS || OLDER_FORM)) /* Linux 5.17 to 6.1: left to filters */
		return false;
	value = EARLY_ARG(regs, spec->sort_arg);
	return !(spec->sorts >> (value * 0x9e3779b1U >> 26) & 1);
}

/* Goes on to a stage by way of the filter before it, if there is one. */
#define GO_ON(ctx, call, stage) GO_BY(ctx, filters, (stage) * MAX_CALLS + (call), stages, stage)

/* The record of a call that somebody wants, begun; NULL if there is no memory for it. */
static __always_inline struct scratch *start_call(struct call_spec *spec, struct task_struct *task, long ret, __u64 began)
{
	struct scratch *s = get_scratch(0);

	count_seen(spec->call);
	if (!s) {
		count_lost(LOST_SCRATCH);
		return NULL;
	}
	start_record(s, KIND_CALL);
	s->began = began;
	s->task = (__u64)task;
	s->spec = *spec;
	s->address = ADDRESS_UNREAD;
	s->header.call = spec->call;
	s->header.ret = ret;
	know_nothing(&s->facts);
	__builtin_memset(&s->names, 0, sizeof(s->names));
	return s;
}

/* Begins the record of a call that somebody wants, with what is known of it before its file is looked for; false if there is
 * no memory for it. */
GLOBAL int take_call(BY_NUMBER(struct call_spec, spec), __u64 regs_at, __s64 ret, __u64 began)
{
	TAKE(struct call_spec, spec, bpf_map_lookup_elem(&calls, &spec_number));
	struct task_struct *task = current_task();
	struct pt_regs *regs = (void *)regs_at;
	bool compat = is_compat(task);
	struct scratch *s;

	if (!spec)
		return false;
	s = start_call(spec, task, ret, began);
	if (!s)
		return false;
	call_args(regs, compat, s->header.args);
	if (compat) {
		s->header.flags |= FLAG_COMPAT;
		if (call_nr(regs) == SOCKETCALL)
			unfold_args(regs, s->header.args);
	} else if (is_x32(call_nr(regs)) && is_x32_own(call_nr(regs))) {
		s->header.flags |= FLAG_COMPAT;
	}
	if (s->spec.want & WANT_HOW)
		read_how(s, task);
	if (s->spec.want & WANT_ENTERED)
		note_rewritten(s, task);
	if (s->spec.want & WANT_REACHED && s->spec.left)
		take_left(GIVE(s));
	else if (s->spec.want & WANT_REACHED)
		take_reached(GIVE(s), 0);
	if (gives_descriptor(&s->spec))
		take_installed(s, task);
	fill_caller(&s->header, task);
	s->facts.flags = arg(s, s->spec.flags_arg);
	return true;
}

/* Counts an open that no rule wants. */
static __always_inline int count_unwanted(struct call_spec *spec, struct task_struct *task, long ret, __u64 began)
{
	forget_installed(task, ret);
	count_seen(spec->call);
	count_time(spec->call, began);
	return 0;
}

/* What follows where a call is asked for, if it is to be seen here: by the kernel's function for it, or not. */
static __always_inline int call_returns(void *ctx, struct pt_regs *regs, __u32 raw, long ret, bool by_function, bool at_once,
					__u64 began)
{
	struct task_struct *task = CURRENT_TASK; /* trusted: a load from it is one instruction */
	bool compat = is_compat(task);
	__u32 nr = raw < COMPAT_BASE && !compat ? raw : nr_in_table(regs, raw, compat, ret);
	int verdict = FOLDER_WANTED;
	struct call_spec *spec;
	struct scratch *s;
	bool has_folder;
	__u64 at;

	spec = bpf_map_lookup_elem(&calls, &nr);
	if (!spec) {
		count_time(0, began);
		return 0;
	}
	has_folder = spec->folders && ret >= 0 && nr == raw && !(options & OPTION_REQUESTED);
	/* Before all else: there are many, and what follows would change nothing. */
	if (at_once && has_folder && is_told_here(spec, task, by_function)) {
		verdict = verdict_on_folder(NULL, spec, task, regs, ret);
		if (verdict == FOLDER_UNWANTED)
			return count_unwanted(spec, task, ret, began);
	}
	if (!spec->call || spec->want & WANT_BEGIN || !is_told_here(spec, task, by_function) || unwanted(spec, OF(task, tgid), ret)) {
		count_time(0, began);
		return 0;
	}
	if (nr == raw && is_other_sort(spec, regs)) {
		if (gives_descriptor(spec))
			forget_installed(task, ret);
		count_seen(spec->call);
		count_time(spec->call, began);
		return 0;
	}
	s = get_scratch(0);
	if (!s) {
		count_seen(spec->call);
		count_lost(LOST_SCRATCH);
		return 0;
	}
	/* At functions, where it is of a type, the verifier lets no function have it but as a number out of memory. */
	at = (__u64)regs;
	if (!at_once) {
		*(volatile __u64 *)&s->task = at;
		at = *(volatile __u64 *)&s->task;
	}
	if (!at_once && has_folder) {
		verdict = judged(GIVE(s), spec, at, ret);
		if (verdict == FOLDER_UNWANTED)
			return count_unwanted(spec, task, ret, began);
	}
	if (!take_call(GIVE_AS(spec, nr), at, ret, began))
		return 0;
	s->names.judged = verdict == FOLDER_UNJUDGED;
	GO_ON(ctx, s->spec.call, STAGE_OBJECTS);
	return 0;
}
