/* System calls, on return: the cheap facts, then (through program arrays) the filters, the costly facts, the ring. */
#include "call_number.bpf.h"
#include "about.bpf.h"
#include "tell.bpf.h"
#include "measure.bpf.h"
#include "object.bpf.h"
#include "file_names.bpf.h"
#include "reached.bpf.h"
#include "left.bpf.h"
#include "made.bpf.h"
#include "flood.bpf.h"
#include "ignored.bpf.h"
#include "handover.bpf.h"
#include "asked.bpf.h"
#include "entered.bpf.h"
#include <bpf/bpf_tracing.h>

/* The order in which an event is put together. Between them filters may end it: see filters below. Where they do so
 * because of a file's name, they go on to the stage of names. The stage of what is left out is there only while costs
 * are measured. */
enum stage {
	STAGE_OBJECTS, STAGE_MEMORY, STAGE_PROCESS, STAGE_ANCESTORS, STAGE_TELL, STAGE_SUBMIT, STAGE_MESSAGES,
	STAGE_LEFT_OUT, STAGE_NAMES, STAGE_ARGUMENTS, STAGES,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_NR);
	__type(key, __u32);
	__type(value, struct call_spec);
} calls SEC(".maps");

/* By the stage before which it runs, MAX_CALLS apart, and by row of calls.py: a program generated from the rules, which
 * returns when no rule can want the event and else goes on to that stage. Where there is none, every event does. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, MAX_CALLS * STAGE_SUBMIT);
	__type(key, __u32);
	__type(value, __u32);
} filters SEC(".maps");

/* What user space has found behind a key of cgroups: layout.py: ON_HOST, IN_CONTAINER. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} containers SEC(".maps");

int gather_objects(unsigned long long *ctx);
int gather_memory(unsigned long long *ctx);
int gather_process(unsigned long long *ctx);
int gather_ancestors(unsigned long long *ctx);
int tell_call(unsigned long long *ctx);
int submit_call(unsigned long long *ctx);
int submit_messages(unsigned long long *ctx);
int next_name(unsigned long long *ctx);
int gather_arguments(unsigned long long *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, STAGES);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} stages SEC(".maps") = {
	.values = {
		[STAGE_OBJECTS] = (void *)&gather_objects,
		[STAGE_MEMORY] = (void *)&gather_memory,
		[STAGE_PROCESS] = (void *)&gather_process,
		[STAGE_ANCESTORS] = (void *)&gather_ancestors,
		[STAGE_TELL] = (void *)&tell_call,
		[STAGE_SUBMIT] = (void *)&submit_call,
		[STAGE_MESSAGES] = (void *)&submit_messages,
		[STAGE_NAMES] = (void *)&next_name,
		[STAGE_ARGUMENTS] = (void *)&gather_arguments,
	},
};

/* What looks for files that were opened silently (silent.bpf.h), if there are programs for io_uring. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} looking SEC(".maps");

static __always_inline bool unwanted(struct call_spec *spec, __u32 tgid, long ret)
{
	if (ret >= 0 && spec->want & WANT_FAILED_ONLY)
		return true;
	if (ret < 0 && spec->want & WANT_SUCCESS_ONLY)
		return true;
	return ignored(tgid) != NULL;
}

/* Goes on to a stage by way of the filter before it, if there is one. */
static __always_inline void go_on(void *ctx, __u32 call, enum stage stage)
{
	bpf_tail_call(ctx, &filters, stage * MAX_CALLS + call);
	bpf_tail_call(ctx, &stages, stage);
}

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

/* What follows where a call is asked for, if it is to be seen here: by the kernel's function for it, or not. */
static __always_inline int call_returns(void *ctx, struct pt_regs *regs, long ret, bool by_function, __u64 began)
{
	struct task_struct *task = current_task();
	bool compat = is_compat(task);
	__u32 nr = table_nr(regs, compat, ret);
	struct call_spec *spec;
	struct scratch *s;

	spec = bpf_map_lookup_elem(&calls, &nr);
	if (!spec || !spec->call || !is_told_here(spec, task, by_function) || unwanted(spec, task->tgid, ret)) {
		count_time(0, began);
		return 0;
	}
	s = start_call(spec, task, ret, began);
	if (!s)
		return 0;
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
		note_rewritten(s);
	if (s->spec.want & WANT_REACHED && s->spec.left)
		take_left(s);
	else if (s->spec.want & WANT_REACHED)
		take_reached(s, 0);
	fill_caller(&s->header, task);
	s->facts.flags = arg(s, s->spec.flags_arg);
	go_on(ctx, s->spec.call, STAGE_OBJECTS);
	return 0;
}

#define SEEN_CALLS 65536 /* a power of two */

/* By the last bits of a thread's number: that sys_exit has seen the call from which it now returns. */
volatile __u32 seen_calls[SEEN_CALLS];

SEC("raw_tp/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	unsigned long raw = call_nr(regs);
	__u64 began = begin();
	__u32 tid;

	if (raw < COMPAT_BASE && !asked[raw]) {
		count_time(0, began);
		return 0;
	}
	if (settings.twice) {
		tid = bpf_get_current_pid_tgid();
		seen_calls[tid & (SEEN_CALLS - 1)] = tid;
	}
	call_returns(ctx, regs, ret, false, began);
	if (silent_opens)
		bpf_tail_call(ctx, &looking, 0);
	return 0;
}

/* Stands behind sys_exit where threads may lose their processor in the midst of it: until they have it again the kernel leaves
 * out sys_exit there for all others, whose calls are then seen here (drivers/twice.py). */
SEC("raw_tp/sys_exit")
int BPF_PROG(sys_exit_again, struct pt_regs *regs, long ret)
{
	unsigned long raw = call_nr(regs);
	__u32 tid;

	if (raw < COMPAT_BASE && !asked[raw])
		return 0;
	tid = bpf_get_current_pid_tgid();
	if (seen_calls[tid & (SEEN_CALLS - 1)] == tid) {
		seen_calls[tid & (SEEN_CALLS - 1)] = 0;
		return 0;
	}
	call_returns(ctx, regs, ret, false, begin());
	if (silent_opens)
		bpf_tail_call(ctx, &looking, 0);
	return 0;
}

SEC("raw_tp/sys_exit")
int gather_objects(unsigned long long *ctx)
{
	struct scratch *s = get_scratch(0);
	struct task_struct *task;

	if (!s)
		return 0;
	task = task_of(s);
	if (s->spec.want & WANT_FD && !put_fd(s, task)) {
		bpf_tail_call(ctx, &stages, STAGE_LEFT_OUT);
		return 0;
	}
	if (s->spec.want & WANT_CWD)
		put_path(s, SEC_CWD, task, &task->fs->pwd);
	if (s->spec.want & WANT_CAPS)
		put_caps(s, task);
	go_on(ctx, s->spec.call, STAGE_MEMORY);
	return 0;
}

SEC("raw_tp/sys_exit")
int gather_memory(unsigned long long *ctx)
{
	struct scratch *s = get_scratch(0);
	struct task_struct *task;

	if (!s)
		return 0;
	task = task_of(s);
	fill_rest(&s->header, task);
	if (s->spec.want & WANT_NAMED)
		__builtin_memcpy(s->header.comm, &s->header.args[NAMED_AT], sizeof(s->header.comm));
	gather_paths(s, task);
	gather_host(s, task);
	see_paths(s);
	if (is_opening(s) && (s->facts.kind == FD_NONE || options & OPTION_REQUESTED))
		see_requested(s);
	see_file_names(s);
	bpf_tail_call(ctx, &stages, STAGE_ARGUMENTS);
	return 0;
}

/* Corrects the flags of clone3(2) by those that the kernel has used, even if the structure is no longer there. */
static __always_inline void put_made_flags(struct scratch *s, __u64 *room, __u32 before)
{
	__u32 tid = s->header.tid;
	__u64 *flags = bpf_map_lookup_elem(&made_flags, &tid);

	if (!flags || !room || s->header.ret < 0)
		return;
	if (s->pos == before) {
		__builtin_memset(room, 0, STRUCT_SIZE);
		end_section(s, SEC_STRUCT, STRUCT_SIZE);
	}
	*room = *flags;
	bpf_map_delete_elem(&made_flags, &tid);
}

static __always_inline void put_structure(struct scratch *s, __u64 address)
{
	__u64 *room = section_room(s);
	__u32 before = s->pos;

	s->facts.structure = UNKNOWN_BITS;
	put_user_bytes(s, SEC_STRUCT, address, STRUCT_SIZE, STRUCT_SIZE);
	if (s->spec.want & WANT_MADE)
		put_made_flags(s, room, before);
	if (room && s->pos > before)
		s->facts.structure = *room;
}

/* What else lies in the caller's memory: a program of its own, or the verifier would follow it once for each way through
 * the names. */
SEC("raw_tp/sys_exit")
int gather_arguments(unsigned long long *ctx)
{
	struct scratch *s = get_scratch(0);
	struct task_struct *task;
	__u32 want;

	if (!s)
		return 0;
	task = task_of(s);
	want = s->spec.want;
	if (want & WANT_FAILED_ONLY)
		put_argv(s, arg(s, s->spec.path_arg + 1));
	if (want & WANT_SOCKADDR)
		put_address(s, arg(s, s->spec.addr_arg), arg(s, s->spec.addr_arg + 1));
	if (want & WANT_SENDER)
		put_sender(s, arg(s, s->spec.addr_arg), arg(s, s->spec.addr_arg + 1));
	if (want & WANT_MSGHDR)
		put_message(s, arg(s, s->spec.addr_arg));
	if (want & WANT_STR)
		put_user_string(s, SEC_STR, arg(s, s->spec.str_arg));
	if (want & WANT_PAIR && s->header.ret >= 0)
		put_pair(s, task, arg(s, s->spec.str_arg));
	if (want & WANT_QUEUE && s->header.ret >= 0)
		put_queue(s, task, arg(s, 0));
	if (want & WANT_DATA && s->header.ret > 0)
		put_user_bytes(s, SEC_DATA, arg(s, s->spec.data_arg), s->header.ret, snaplen());
	if (want & WANT_BUFFER)
		put_user_bytes(s, SEC_DATA, arg(s, s->spec.data_arg), arg(s, s->spec.data_arg + 1), snaplen());
	if (want & WANT_IOV)
		put_iov(s, arg(s, s->spec.data_arg), arg(s, s->spec.data_arg + 1));
	if (want & WANT_STRUCT)
		put_structure(s, arg(s, s->spec.str_arg));
	if (want & WANT_ENTERED)
		compare_entered(s);
	go_on(ctx, s->spec.call, STAGE_PROCESS);
	return 0;
}

/* Asks the filters again, under the next name of the event's file, or of its paths. */
SEC("raw_tp/sys_exit")
int next_name(unsigned long long *ctx)
{
	struct scratch *s = get_scratch(0);

	if (s && see_next_name(s, task_of(s)))
		go_on(ctx, s->spec.call, STAGE_MEMORY);
	if (s && see_next_paths(s))
		go_on(ctx, s->spec.call, STAGE_PROCESS);
	bpf_tail_call(ctx, &stages, STAGE_LEFT_OUT);
	return 0;
}

/* Last, since a record's memory is free behind it now. */
SEC("raw_tp/sys_exit")
int gather_process(unsigned long long *ctx)
{
	struct scratch *s = get_scratch(0);

	if (!s)
		return 0;
	see_own_process(s, s->spec.about);
	if (s->spec.asks & ASKS_ENVIRONMENT)
		see_environment(s);
	go_on(ctx, s->spec.call, STAGE_ANCESTORS);
	return 0;
}

SEC("raw_tp/sys_exit")
int gather_ancestors(unsigned long long *ctx)
{
	struct scratch *s = get_scratch(0);

	if (!s)
		return 0;
	see_ancestors(s, s->spec.about);
	go_on(ctx, s->spec.call, STAGE_TELL);
	return 0;
}

/* Filters have not known all of a text that is cut, unreadable or rewritten. */
static __always_inline enum account account_of(struct scratch *s)
{
	return s->header.flags & (FLAG_CUT | FLAG_UNREADABLE | FLAG_REWRITTEN) ? OF_UNSURE : OF_CALLS;
}

static __always_inline int over_budget(struct scratch *s)
{
	count_lost(LOST_FLOOD);
	count_result(s->header.call, false);
	count_time(s->spec.call, s->began);
	return 0;
}

/* What user space does not know yet of those who have to do with the event goes before it, if both get room. */
SEC("raw_tp/sys_exit")
int tell_call(unsigned long long *ctx)
{
	struct scratch *s = get_scratch(0);
	struct task_struct *task;

	if (!s)
		return 0;
	task = task_of(s);
	if (!(s->spec.want & WANT_MESSAGES) && !has_room(&s->header, &call_ring, s->pos, account_of(s)))
		return over_budget(s);
	if (!announce_cgroups(task, &s->header) ||
	    !tell(&s->header, OWN, s->spec.pid_arg == RET_ARG ? s->header.ret : arg(s, s->spec.pid_arg)))
		return over_budget(s);
	bpf_tail_call(ctx, &stages, s->spec.want & WANT_MESSAGES ? STAGE_MESSAGES : STAGE_SUBMIT);
	return 0;
}

static __always_inline void submit_one(struct scratch *s)
{
	count_result(s->header.call, submit(s, &call_ring, LOST_RING_FULL));
}

SEC("raw_tp/sys_exit")
int submit_call(unsigned long long *ctx)
{
	struct scratch *s = get_scratch(0);

	if (!s)
		return 0;
	submit_one(s);
	count_time(s->spec.call, s->began);
	return 0;
}

SEC("raw_tp/sys_exit")
int left_out(unsigned long long *ctx)
{
	struct scratch *s = get_scratch(0);

	if (s)
		count_time(s->spec.call, s->began);
	return 0;
}
