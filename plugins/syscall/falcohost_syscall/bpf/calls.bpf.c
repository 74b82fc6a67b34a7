/* System calls, on return: the cheap facts, then (through program arrays) the filters, the costly facts, the ring. */
#include "arch.bpf.h"
#include "sock.bpf.h"
#include "task.bpf.h"
#include "user_memory.bpf.h"
#include <bpf/bpf_tracing.h>

enum stage { STAGE_MEMORY, STAGE_OBJECTS, STAGE_SUBMIT, STAGES };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_NR);
	__type(key, __u32);
	__type(value, struct call_spec);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u8);
} ignored_pids SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_CALLS);
	__type(key, __u32);
	__type(value, struct call_count);
} call_counts SEC(".maps");

/* By row of calls.py: a program generated from the rules, which returns when no rule can want the event and else goes
 * on to stages[STAGE_MEMORY]. Where there is none, every event is wanted. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, MAX_CALLS);
	__type(key, __u32);
	__type(value, __u32);
} filters SEC(".maps");

int gather_memory(unsigned long long *ctx);
int gather_objects(unsigned long long *ctx);
int submit_call(unsigned long long *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, STAGES);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} stages SEC(".maps") = {
	.values = {
		[STAGE_MEMORY] = (void *)&gather_memory,
		[STAGE_OBJECTS] = (void *)&gather_objects,
		[STAGE_SUBMIT] = (void *)&submit_call,
	},
};

#if defined(__TARGET_ARCH_x86)
#define SOCKETCALL 102
#define SOCKETCALLS 21

/* The calls behind the 32-bit socketcall(2), by its first argument, as 64-bit numbers. */
static const __u16 socketcalls[SOCKETCALLS] = {
	0, 41, 49, 42, 50, 43, 51, 52, 53, 44, 45, 44, 45, 48, 54, 55, 46, 47, 288, 299, 307,
};

static __always_inline __u32 unfold_socketcall(struct pt_regs *regs, __u32 nr)
{
	__u32 which = regs->bx;

	if (nr != SOCKETCALL)
		return nr + COMPAT_BASE;
	return which < SOCKETCALLS ? socketcalls[which] : MAX_NR;
}

static __always_inline void unfold_args(struct pt_regs *regs, __u64 *args)
{
	__u32 which = regs->bx, user[6] = {};

	bpf_probe_read_user(user, sizeof(user), (void *)(__u64)(__u32)regs->cx);
	for (int i = 0; i < 6; i++)
		args[i] = user[i];
	if (which == 9 || which == 10) /* send, recv: sendto, recvfrom without an address */
		args[4] = args[5] = 0;
}
#else
#define unfold_socketcall(regs, nr) ((nr) + COMPAT_BASE)
#define unfold_args(regs, args)
#define SOCKETCALL -1
#endif

static __always_inline void count_seen(__u32 call)
{
	struct call_count *count = bpf_map_lookup_elem(&call_counts, &call);

	if (count)
		count->seen++;
}

static __always_inline bool unwanted(struct call_spec *spec, long ret)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	if (ret >= 0 && spec->want & WANT_FAILED_ONLY)
		return true;
	if (ret < 0 && spec->want & WANT_SUCCESS_ONLY)
		return true;
	return bpf_map_lookup_elem(&ignored_pids, &tgid) != NULL;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = current_task();
	bool compat = is_compat(task);
	__u32 nr = call_nr(regs);
	struct call_spec *spec;
	struct scratch *s;

	if (compat)
		nr = unfold_socketcall(regs, nr);
	spec = bpf_map_lookup_elem(&calls, &nr);
	if (!spec || !spec->call || unwanted(spec, ret))
		return 0;
	count_seen(spec->call);
	s = get_scratch(0);
	if (!s) {
		count_lost(LOST_SCRATCH);
		return 0;
	}
	start_record(s, KIND_CALL);
	s->spec = *spec;
	s->header.call = spec->call;
	s->header.ret = ret;
	call_args(regs, compat, s->header.args);
	if (compat) {
		s->header.flags |= FLAG_COMPAT;
		if (call_nr(regs) == SOCKETCALL)
			unfold_args(regs, s->header.args);
	}
	fill_task(&s->header, task);
	bpf_tail_call(ctx, &filters, spec->call);
	bpf_tail_call(ctx, &stages, STAGE_MEMORY);
	return 0;
}

static __always_inline void read_how(struct scratch *s)
{
	if (bpf_probe_read_user(&s->header.args[3], 3 * sizeof(__u64), (void *)s->header.args[2]))
		s->header.flags |= FLAG_UNREADABLE;
}

SEC("tp_btf/sys_exit")
int gather_memory(unsigned long long *ctx)
{
	struct task_struct *task = current_task();
	struct scratch *s = get_scratch(0);
	__u32 want;

	if (!s)
		return 0;
	want = s->spec.want;
	if (want & WANT_HOW)
		read_how(s);
	if (want & WANT_PATH && !put_user_string(s, SEC_PATH, arg(s, s->spec.path_arg)))
		put_directory(s, SEC_DIR, task, s->spec.dir_arg);
	if (want & WANT_PATH2 && !put_user_string(s, SEC_PATH2, arg(s, s->spec.path2_arg)))
		put_directory(s, SEC_DIR2, task, s->spec.dir2_arg);
	if (want & WANT_FAILED_ONLY)
		put_argv(s, arg(s, s->spec.path_arg + 1));
	if (want & WANT_SOCKADDR)
		put_user_bytes(s, SEC_SOCKADDR, arg(s, s->spec.addr_arg), (__u32)arg(s, s->spec.addr_arg + 1), SOCKADDR_MAX);
	if (want & WANT_MSGHDR)
		put_message_name(s, arg(s, s->spec.addr_arg));
	if (want & WANT_STR)
		put_user_string(s, SEC_STR, arg(s, s->spec.str_arg));
	if (want & WANT_PAIR && s->header.ret >= 0)
		put_user_bytes(s, SEC_PAIR, arg(s, s->spec.str_arg), 8, 8);
	if (want & WANT_DATA && s->header.ret > 0)
		put_user_bytes(s, SEC_DATA, arg(s, s->spec.data_arg), s->header.ret, SNAPLEN);
	bpf_tail_call(ctx, &stages, STAGE_OBJECTS);
	return 0;
}

static __always_inline void put_fd(struct scratch *s, struct task_struct *task)
{
	__u8 which = s->spec.fd_arg;
	__s32 fd = which == RET_ARG ? s->header.ret : arg(s, which);
	struct file *file = file_of_fd(task, fd);

	if (!file)
		return;
	if ((put_fdinfo(s, fd, file) & S_IFMT) == S_IFSOCK)
		put_socket(s, file);
	else
		put_path(s, SEC_FDPATH, task, &file->f_path);
}

SEC("tp_btf/sys_exit")
int gather_objects(unsigned long long *ctx)
{
	struct task_struct *task = current_task();
	struct scratch *s = get_scratch(0);

	if (!s)
		return 0;
	if (s->spec.want & WANT_FD)
		put_fd(s, task);
	if (s->spec.want & WANT_CWD)
		put_path(s, SEC_CWD, task, &task->fs->pwd);
	bpf_tail_call(ctx, &stages, STAGE_SUBMIT);
	return 0;
}

SEC("tp_btf/sys_exit")
int submit_call(unsigned long long *ctx)
{
	struct task_struct *task = current_task();
	struct scratch *s = get_scratch(0);
	struct call_count *count;
	__u32 call;

	if (!s)
		return 0;
	announce_cgroups(task, &s->header);
	if (!submit(s, &call_ring, LOST_RING_FULL))
		return 0;
	call = s->header.call;
	count = bpf_map_lookup_elem(&call_counts, &call);
	if (count)
		count->passed++;
	return 0;
}
