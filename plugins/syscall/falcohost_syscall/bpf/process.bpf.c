/* The life of processes: fork and exit; execs are in exec.bpf.c. Their context is cached (context.bpf.h); records of it are sent if
 * rules ask for them, through a ring of their own. */
#include "about.bpf.h"
#include "tell.bpf.h"
#include "measure.bpf.h"
#include "present.bpf.h"

FILTERS(exit_filters);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, EXIT_STAGES);
	__type(key, __u32);
	__type(value, __u32);
} exit_stages SEC(".maps");

/* c: the context of the new process, if it is one. */
static __always_inline void submit_fork(struct task_struct *parent, struct task_struct *child, bool thread, struct process *c)
{
	struct scratch *s = get_scratch(0);
	struct pid *pid = OF(child, thread_pid);
	__u32 level = OF(pid, level);
	struct forked *forked;

	if (!s)
		return count_lost(LOST_SCRATCH);
	start_record(s, KIND_FORK);
	fill_task(&s->header, parent);
	if (thread)
		s->header.flags |= FLAG_NEWTHREAD;
	forked = section_room(s);
	if (!forked)
		return;
	forked->pid = OF(child, tgid);
	forked->tid = OF(child, pid);
	forked->vtid = pid_nr(PID(child), level);
	forked->vpid = thread ? pid_nr(PID_OF(child, PIDTYPE_TGID), level) : forked->vtid;
	forked->start = OF(OF(child, group_leader), start_boottime);
	forked->ppid = OF(OF(child, real_parent), tgid);
	forked->pad = 0;
	end_section(s, SEC_FORK, sizeof(*forked));
	if (!has_room(&s->header, &proc_ring, s->pos, OF_PROCESSES) || !announce_cgroups(parent, &s->header))
		return count_lost(LOST_FLOOD);
	if (submit(s, &proc_ring, LOST_PROC_RING_FULL) && c)
		c->known = 1;
}

SEC(TYPED_TRACEPOINT "sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *forking, struct task_struct *forked)
{
	struct task_struct *parent = TYPED(struct task_struct, forking);
	struct task_struct *child = TYPED(struct task_struct, forked);
	bool thread = OF(child, tgid) == OF(parent, tgid);
	struct process *c = NULL;
	__u64 began = begin();

	if (!thread)
		c = keep_fork(leader_of(parent), child);
	if (options & OPTION_ALL_PROCESSES && (!thread || options & OPTION_THREADS))
		submit_fork(parent, child, thread, c);
	count_time(COUNT_FORKS, began);
	return 0;
}

/* What rules ask of execs and exits. */
static __always_inline void put_asked(struct scratch *s)
{
	__u32 asks = (options >> PRESENT_AT & ASKED_OF_PROCESSES) << ASKED_OF_PROCESSES_AT;

	if (asks)
		put_present(GIVE(s), asks);
}

static __always_inline bool submit_counted(struct scratch *s)
{
	bool passed = submit(s, &proc_ring, LOST_PROC_RING_FULL);

	count_result(s->header.call, passed);
	return passed;
}

/* The process has spent its budget. */
static __always_inline int lose(struct scratch *s)
{
	count_lost(LOST_FLOOD);
	count_result(s->header.call, false);
	count_time(s->header.call, s->began);
	return 0;
}

#define MAX_ANCESTORS 64

/* The process that will become the parent of the remaining children: the nearest ancestor that asked for them
 * (PR_SET_CHILD_SUBREAPER) in the same pid namespace, else the namespace's init. */
static __always_inline __u32 reaper_of(struct task_struct *task)
{
	struct pid_namespace *ns = pid_ns(PID(task), OF(OF(task, thread_pid), level));
	struct task_struct *init = READ(struct pid_namespace, ns, child_reaper);
	struct task_struct *ancestor = OF(task, real_parent);
	struct signal_struct *own __attribute__((unused)) = FORM(NULL, OF(task, signal)); /* one access cannot be within another */

	if (!BPF_CORE_READ_BITFIELD_PROBED(FORM(task->signal, own), has_child_subreaper))
		return READ(struct task_struct, init, tgid);
	for (int i = 0; i < MAX_ANCESTORS && ancestor != init; i++) {
		struct signal_struct *signal = READ(struct task_struct, ancestor, signal);

		if (BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper))
			return READ(struct task_struct, ancestor, tgid);
		ancestor = READ(struct task_struct, ancestor, real_parent);
	}
	return READ(struct task_struct, init, tgid);
}

/* Whether there is room for the record of an exit; that of a process that user space knows goes in any case: it has paid for
 * its context. */
static __always_inline bool pay_exit(struct scratch *s, struct task_struct *task, bool known)
{
	return (known || has_room(&s->header, &proc_ring, s->pos, OF_PROCESSES)) && (announce_cgroups(task, &s->header) || known);
}

/* By pid: which process ended last. */
#define ENDED 1024
static __u64 ended[ENDED];

/* Whether no other thread has seen that none is left: of threads that end at once, several do. Where another process has taken the
 * place in between, its exit is told twice. */
static __always_inline bool is_first(struct task_struct *task, __u32 pid)
{
	__u64 who = OF(OF(task, group_leader), start_boottime) << 12 | pid / ENDED, *place = &ended[pid % ENDED];

	return EXCHANGED(place, *place, who) != who;
}

/* The exit of a process that user space knows of, and of others if rules ask for exits. */
SEC(TYPED_TRACEPOINT "sched_process_exit")
int BPF_PROG(process_exit)
{
	struct task_struct *task = current_task();
	struct process *p = process_of(leader_of(task));
	struct signal_struct *signal = OF(task, signal);
	bool known = p && p->known, last = OF(signal, live.counter) == 0, all = options & OPTION_ALL_PROCESSES;
	struct scratch *s = get_scratch(0);
	__u32 pid = OF(task, tgid);
	int code;

	if (!s) {
		count_lost(LOST_SCRATCH);
		return 0;
	}
	s->began = begin();
	s->spec.call = COUNT_EXITS;
	if (last && !is_first(task, pid))
		last = false;
	s->task = last ? (__u64)task : 0;
	if (last)
		forget_ignored(pid);
	else if (!all || !(options & OPTION_THREADS))
		return 0;
	if (!all && !known && !(options & OPTION_EXIT))
		return 0;
	start_record(s, KIND_EXIT);
	fill_task(&s->header, task);
	s->header.call = settings.procexit;
	code = OF(signal, group_exit_code);
	barrier_var(code); /* or both are read in one place, which Linux 6.2 does not take */
	if (!code)
		code = OF(task, exit_code);
	s->header.args[0] = code;
	s->header.args[1] = last;
	s->header.args[2] = last ? reaper_of(task) : 0;
	if (options & OPTION_EXIT) {
		count_seen(s->header.call);
		s->spec.call = s->header.call;
	}
	s->header.args[3] = last && known;
	if (known)
		__sync_fetch_and_add(&generation, 1);
	else if (!all) {
		GO(ctx, exit_stages, EXIT_WANTED);
		return 0;
	}
	if (s->spec.call == s->header.call)
		GO(ctx, exit_stages, EXIT_SUBMIT);
	else if (!pay_exit(s, task, s->header.args[3])) /* no rule wants it */
		return lose(s);
	else
		submit(s, &proc_ring, LOST_PROC_RING_FULL);
	return 0;
}

/* Rules may want exits, and user space does not know the process. */
SEC(TYPED_TRACEPOINT "sched_process_exit")
int exit_wanted(unsigned long long *ctx)
{
	struct scratch *s = get_scratch(0);

	if (!s)
		return 0;
	know_nothing(&s->facts);
	see_own_process(s, options >> ABOUT_EXIT_AT & ABOUT_ALL);
	see_ancestors(s, options >> ABOUT_EXIT_AT & ABOUT_ALL);
	TRY(ctx, exit_filters, EXIT_SUBMIT * MAX_CALLS + s->header.call, EXIT_SUBMIT);
	GO(ctx, exit_stages, EXIT_SUBMIT);
	return 0;
}

/* Attached behind process_exit, which ends where its filter does; measures the time of both. */
SEC(TYPED_TRACEPOINT "sched_process_exit")
int process_gone(unsigned long long *ctx)
{
	struct task_struct *task = current_task();
	struct scratch *s = get_scratch(0);

#ifndef OLDER
	forget_requests(task);
#endif
	if (s && s->task == (__u64)task) { /* no other thread may forget what telling of the end needs */
		__u32 pid = OF(task, tgid);

		forget(pid);
#ifndef OLDER
		if (silent_opens)
			forget_silent(pid, 0);
#endif
	}
	if (s)
		count_time(s->spec.call, s->began);
	return 0;
}

SEC(TYPED_TRACEPOINT "sched_process_exit")
int submit_exit(unsigned long long *ctx)
{
	struct scratch *s = get_scratch(0);
	struct task_struct *task = current_task();
	bool known;

	if (!s)
		return 0;
	known = s->header.args[3];
	if (!pay_exit(s, task, known) || (!tell(GIVE_EVENT(&s->header), OWN, s->header.args[2]) && !known))
		return lose(s);
	put_asked(s);
	submit_counted(s);
	return 0;
}
