/* What kernels before Linux 5.17 lack has two forms: that of newer kernels, and, where OLDER is defined, one that needs only Linux
 * 5.10. Of these sources two objects are made. */
#ifndef FALCOHOST_FORMS_BPF_H
#define FALCOHOST_FORMS_BPF_H

#ifndef OLDER
#define OLDER_FORM 0
#define FORM(newer, older) newer

extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;
#define HAS_CASTS bpf_ksym_exists(bpf_rdonly_cast)
/* Where a program is attached whose arguments have types. */
#define TYPED_TRACEPOINT "tp_btf/"

#define CURRENT_TASK bpf_get_current_task_btf()
#define CURRENT_REGISTERS ((void *)bpf_task_pt_regs(bpf_get_current_task_btf()))

/* Calls step(i, context) for each i below count until it returns 1; count is never more than most. */
#define LOOP(most, count, step, context) bpf_loop(count, step, context, 0)

/* The same with a step of which each is a function of its own, where the verifier follows loops, and that has a scratch. */
#define STEP(name) static int name(__u32 i, struct scratch_context *context)
#define TAKE_STEP(name) struct scratch *name = context->s
#define STEP_CONTEXT(scratch) struct scratch_context context = {.s = scratch}
#define LOOP_OF(most, count, step, scratch) bpf_loop(count, step, &context, 0)

/* The same with a step that has another context: one without pointers into maps, or with a scratch. */
#define STEP_WITH(name, type, context) static int name(__u32 i, type *context)
#define STEP_WITH_SCRATCH(name, type, context) STEP_WITH(name, type, context)
#define LOOP_WITH(most, count, step, context) bpf_loop(count, step, &context, 0)
#define LOOP_WITH_SCRATCH(most, count, step, context) LOOP_WITH(most, count, step, context)

/* A map of something for each thread, and the current thread's. */
#define OF_THREADS(name, type_of)			\
	struct {					\
		__uint(type, BPF_MAP_TYPE_TASK_STORAGE);	\
		__uint(map_flags, BPF_F_NO_PREALLOC);	\
		__type(key, int);			\
		__type(value, type_of);			\
	} name SEC(".maps")
#define OWN(map) bpf_task_storage_get(&map, bpf_get_current_task_btf(), NULL, 0)
#define OWN_OR_NEW(map) bpf_task_storage_get(&map, bpf_get_current_task_btf(), NULL, BPF_LOCAL_STORAGE_GET_F_CREATE)

/* Ends a program in that it goes on to a filter, if it is there, else to a stage. */
#define GO_BY(ctx, filters, filter, stages, stage)	\
	do {						\
		bpf_tail_call(ctx, &filters, filter);	\
		bpf_tail_call(ctx, &stages, stage);	\
	} while (0)
#define GO(ctx, stages, stage) bpf_tail_call(ctx, &stages, stage)
#define TRY(ctx, filters, filter, stage) bpf_tail_call(ctx, &filters, filter)
#define RELAYED 0

/* The compiler is not to know more of a number than the verifier. */
#define OPAQUE(number)
/* Has the verifier of Linux 5.8, which forgets the bounds of numbers on the stack and of their copies, see that this is at most so much. */
#define BOUND(number, most)
#define CUT_TO(bits, number) (number)

/* Of a function: its variables are not on the stack of its caller when that calls others, where that makes a difference. */
#define OFF_STACK __always_inline

/* A number, read after all that was read before. */
#define READ_BEHIND(where) __sync_fetch_and_add(where, 0)
/* Puts one number in the place of another; returns what was there. */
#define EXCHANGED(where, from, to) __sync_val_compare_and_swap(where, from, to)

#else
#define OLDER_FORM 1
#define FORM(newer, older) older
#define HAS_CASTS 0
#define TYPED_TRACEPOINT "raw_tp/"

#define CURRENT_TASK ((void *)bpf_get_current_task())

/* They are at the end of its stack (THREAD_SIZE of the kernel, without a sanitizer). */
#define STACK_SIZE 16384
struct task_struct___stack { void *stack; } __attribute__((preserve_access_index));
#define CURRENT_REGISTERS									\
	((void *)NUMBER(struct task_struct___stack, (void *)current_task(), stack) + STACK_SIZE -	\
	 bpf_core_type_size(struct pt_regs))

/* The verifier follows each step of a loop, and the compiler must leave the counter as it is. */
#define LOOP_WHILE(most, count, goes_on) ({					\
	__u32 steps_ = (count), i_ = 0;						\
	_Pragma("clang loop unroll(disable)")					\
	for (; i_ < (most); i_++) {						\
		barrier_var(i_);						\
		if (i_ >= steps_)						\
			break;							\
		barrier_var(i_);						\
		if (!(goes_on))							\
			break;							\
	}									\
	i_;									\
})
#define LOOP(most, count, step, context) LOOP_WHILE(most, count, !step(i_, context))

/* So a step with branches is a function of its own, which it verifies once. */
#define STEP(name) GLOBAL int name(SCRATCH(s))
#define TAKE_STEP(name)			\
	TAKE_SCRATCH(s);		\
	if (!s)				\
		return 1
#define STEP_CONTEXT(scratch)
#define LOOP_OF(most, count, step, scratch) ({			\
	__u32 number_ = GIVE(scratch);				\
	LOOP_WHILE(most, count, !step(number_));		\
})

/* Its context is in a map, where the pointer to a scratch becomes a number. */
#define STEP_FROM(name, kind, context, once)						\
	static __always_inline int name##_once(__u32 i, kind *context);			\
	struct {									\
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);				\
		__uint(max_entries, 1);							\
		__type(key, __u32);							\
		__type(value, kind);							\
	} name##_context SEC(".maps");							\
	GLOBAL int name(__u32 i, __u32 number)						\
	{										\
		__u32 zero = 0;								\
		kind *kept = bpf_map_lookup_elem(&name##_context, &zero);		\
											\
		barrier_var(i); /* both are used in any case: TAKE */			\
		barrier_var(number);							\
		return kept ? once : 1;							\
	}										\
	static __always_inline int name##_once(__u32 i, kind *context)
#define STEP_WITH(name, kind, context) STEP_FROM(name, kind, context, name##_once(i, kept))
#define STEP_WITH_SCRATCH(name, kind, context) STEP_FROM(name, kind, context, ({	\
	kind mine = *kept;								\
	int ends = 1;									\
											\
	mine.s = scratch_at(number);							\
	if (mine.s) {									\
		ends = name##_once(i, &mine);						\
		*kept = mine;								\
	}										\
	ends;										\
}))
#define LOOP_FROM(most, count, step, context, number) ({				\
	__u32 zero_ = 0, number_ = (number), done_ = 0;					\
	typeof(context) *kept_ = bpf_map_lookup_elem(&step##_context, &zero_);		\
	if (kept_) {									\
		*kept_ = context;							\
		done_ = LOOP_WHILE(most, count, !step(i_, number_));			\
		context = *kept_;							\
	}										\
	done_;										\
})
#define LOOP_WITH(most, count, step, context) LOOP_FROM(most, count, step, context, 0)
#define LOOP_WITH_SCRATCH(most, count, step, context) LOOP_FROM(most, count, step, context, GIVE((context).s))

#define THREADS 8192 /* for which something is kept; of more, that of those which were seen last */
#define OF_THREADS(name, type_of)			\
	static const type_of no_##name;			\
	struct {					\
		__uint(type, BPF_MAP_TYPE_LRU_HASH);	\
		__uint(max_entries, THREADS);		\
		__type(key, __u32);			\
		__type(value, type_of);			\
	} name SEC(".maps")
#define OWN(map) ({								\
	__u32 tid_ = bpf_get_current_pid_tgid();				\
	bpf_map_lookup_elem(&map, &tid_);					\
})
#define OWN_OR_NEW(map) ({							\
	__u32 tid_ = bpf_get_current_pid_tgid();				\
	if (!bpf_map_lookup_elem(&map, &tid_))					\
		bpf_map_update_elem(&map, &tid_, &no_##map, BPF_ANY);		\
	bpf_map_lookup_elem(&map, &tid_);					\
})

/* Linux before 5.10 takes no program with both functions and tail calls. There, what follows is noted, and programs of user space
 * that are attached behind this one (attach/relays.py) go on to it, one after the other. They have no functions. */
SEC(".rodata.relayed") const volatile __u32 relayed;
#define RELAYED relayed

struct follows {
	__u32 filter, stage; /* each plus one; 0: nothing */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct follows);
} following SEC(".maps");

static __always_inline int note_follows(__u32 filter, __u32 stage)
{
	__u32 zero = 0;
	struct follows *follows = bpf_map_lookup_elem(&following, &zero);

	if (follows) {
		follows->filter = filter;
		follows->stage = stage;
	}
	return 0;
}

#define GO_BY(ctx, filters, filter, stages, stage)				\
	do {									\
		if (relayed)							\
			return note_follows((filter) + 1, (stage) + 1);		\
		bpf_tail_call(ctx, &filters, filter);				\
		bpf_tail_call(ctx, &stages, stage);				\
	} while (0)
#define GO(ctx, stages, stage)							\
	do {									\
		if (relayed)							\
			return note_follows(0, (stage) + 1);			\
		bpf_tail_call(ctx, &stages, stage);				\
	} while (0)

/* The filter, and the stage behind it. */
#define TRY(ctx, filters, filter, stage)					\
	do {									\
		if (relayed)							\
			return note_follows((filter) + 1, (stage) + 1);		\
		bpf_tail_call(ctx, &filters, filter);				\
	} while (0)

#define OPAQUE(number) barrier_var(number)
#define CUT_TO(bits, number) ({							\
	__u64 cut_ = (number);							\
	asm volatile("%0 &= %1" : "+r"(cut_) : "i"(bits));			\
	cut_;									\
})
#define BOUND(number, most)		\
	do {				\
		barrier_var(number);	\
		if ((number) > (most))	\
			return;		\
	} while (0)
#define OFF_STACK __noinline

#define READ_BEHIND(where) ({ barrier(); *(volatile typeof(*(where)) *)(where); })
/* Another processor may do the same in between. */
#define EXCHANGED(where, from, to) ({						\
	typeof(*(where)) was_ = *(volatile typeof(*(where)) *)(where);		\
	if (was_ == (from))							\
		*(volatile typeof(*(where)) *)(where) = (to);			\
	was_;									\
})
#endif

#endif
