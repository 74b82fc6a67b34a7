/* How functions are given what lies in maps: as pointers, or before Linux 5.12 as numbers by which they look it up again, since there the
 * verifier takes nothing else for functions that it verifies once. Included where struct scratch and its map are known. */
#ifndef FALCOHOST_GIVEN_BPF_H
#define FALCOHOST_GIVEN_BPF_H

#ifndef OLDER
/* A parameter; what has it in the function; what is given for it. */
#define BY_NUMBER(type, name) type *name
#define TAKE(type, name, found)
#define GIVE_AS(pointer, number) (pointer)
#define SCRATCH(name) struct scratch *name
#define TAKE_SCRATCH(name)
#define GIVE(s) (s)
#define EVENT(name) struct header *name
#define TAKE_EVENT(name)
#define GIVE_EVENT(event) (event)
/* In a context: `.EVENT_IS(event)`, what is given for it, and the event. */
#define EVENT_IS(name) .name = name
#define KEPT_EVENT(context) (context)->event
#define EVENT_OF(context) (context)->event

struct scratch_context {
	struct scratch *s;
};

#define NAMED_SCRATCH(key) bpf_map_lookup_elem(&scratches, &key)
#define CONTEXT_SCRATCH(cpu) bpf_map_lookup_elem(&context_scratches, &cpu)
#define TASK_SCRATCH(zero) bpf_map_lookup_elem(&task_scratch, &zero)
#else
#define BY_NUMBER(type, name) __u32 name##_number
/* The number is used in any case, or the compiler would leave it out where the function is called. */
#define TAKE(type, name, found) barrier_var(name##_number); type *name = (found)
#define GIVE_AS(pointer, number) (number)
#define SCRATCH(name) BY_NUMBER(struct scratch, name)
#define TAKE_SCRATCH(name) TAKE(struct scratch, name, scratch_at(name##_number))
#define GIVE(s) ((s)->self)
#define EVENT(name) BY_NUMBER(struct header, name)
#define TAKE_EVENT(name) TAKE(struct header, name, header_at(name##_number))
#define EVENT_IS(name) .name##_number = name##_number
#define KEPT_EVENT(context) (context)->event_number
#define EVENT_OF(context) header_at(KEPT_EVENT(context))
#define GIVE_EVENT(event) (((struct scratch *)((void *)(event) - __builtin_offsetof(struct scratch, header)))->self)

/* All scratches are in one map: two for each processor, one more for each, and one. */
SEC(".rodata.processors") const volatile __u32 processors;

static __always_inline struct scratch *scratch_at(__u32 place)
{
	return bpf_map_lookup_elem(&scratches, &place);
}

static __always_inline struct header *header_at(__u32 place)
{
	struct scratch *s = scratch_at(place);

	if (!s)
		return NULL;
	barrier_var(s); /* or it is computed before it is known to be there */
	return &s->header;
}

static __always_inline struct scratch *named_scratch(__u32 place)
{
	struct scratch *s = scratch_at(place);

	if (s)
		s->self = place;
	return s;
}

#define NAMED_SCRATCH(key) named_scratch(key)
#define CONTEXT_SCRATCH(cpu) named_scratch(2 * processors + (cpu))
#define TASK_SCRATCH(zero) named_scratch(3 * processors + (zero))
#endif

#endif
