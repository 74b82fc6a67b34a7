/* The memory in which a record is built, and the rings that it is sent to when it is complete. */
#ifndef FALCOHOST_SCRATCH_BPF_H
#define FALCOHOST_SCRATCH_BPF_H

#include "read.bpf.h"
#include "call_spec.h"
#include "record.h"
#include "facts.h"

#define RECORD_SIZE 32768 /* a power of two */
#define CHUNK 4096        /* the most that one section holds */
#define NAME_SIZE 256     /* one component of a path */
#define ADDRESS_UNREAD 0xffffffff /* the caller's memory has it, if there is one */
#define WAKE_SHARE 16 /* of a ring: with so much unread the reader is woken */
#define WAKE_BAND 8192

/* The order in which an event is put together. Between them filters may end it: see filters in calls.bpf.c. Where they do so
 * because of a file's name, they go on to the stage of names. The stage of what is left out is there only while costs
 * are measured. */
enum stage {
	STAGE_OBJECTS, STAGE_MEMORY, STAGE_PROCESS, STAGE_ANCESTORS, STAGE_TELL, STAGE_SUBMIT, STAGE_MESSAGES,
	STAGE_LEFT_OUT, STAGE_NAMES, STAGE_ARGUMENTS, STAGE_PRESENT, STAGE_UNWANTED, STAGE_WANTED, STAGES,
};

/* Those of execs and of exits are numbered alike. */
enum exec_stage {
	EXEC_WANTED = STAGE_OBJECTS, EXEC_ANCESTORS = STAGE_ANCESTORS, EXEC_SUBMIT = STAGE_TELL, EXEC_LEFT_OUT = STAGE_LEFT_OUT,
	EXEC_NAMES = STAGE_NAMES, EXEC_STAGES,
};
enum exit_stage { EXIT_WANTED = STAGE_PROCESS, EXIT_SUBMIT = STAGE_TELL, EXIT_STAGES };

/* Filters of folders (folders.bpf.h) are behind those that run before a stage. */
#define FILTERS_OF_FOLDERS STAGE_SUBMIT

/* The position of the walk from a directory entry up to the root (path.bpf.h). It is in a map and not on the stack: there
 * the verifier would follow every value that it can have. */
struct walk {
	__u64 dentry, mnt, mnt_root, root_dentry, root_mnt;
	__u32 pos; /* first used byte of path[] */
	__u32 cut;
	__u32 leaf; /* length of the last component */
	__u16 skip; /* so many components are left out, which .. behind them has taken back */
	__u16 arrived; /* at the root */
};

/* The names of paths of calls that leave no file behind (reached.bpf.h). */
enum reached_name { REACHED_REAL, REACHED_REAL2, REACHED_HOST, REACHED_HOST2, REACHED_NAMES };

/* What is known of the names of the event's file (names.bpf.h). */
struct names {
	__u64 mnt; /* of the file; filters ask of this and the next whether there are more names (layout.py) */
	struct view reached[REACHED_NAMES];
	__u64 dentry;      /* of the file */
	__u64 inode;       /* of a file that more than one link may lead to (in lower layers of overlayfs they are not counted) */
	__u8 name;         /* enum name: under which one filters see it */
	__u8 gathered;
	__u16 host_leaf;
	struct view host;
	struct watched_name watched[WATCHED_NAMES];
	__u32 at, size, dots; /* in a path as text: where, and how many bytes and dots of a component are behind */
	__u32 rules;          /* of a file that is opened in a folder that may be unwanted: folders.bpf.h */
	__u8 judged;          /* that is to be asked */
	__u8 left_out;        /* by its last component */
	__u8 pad[2];
	__u64 folder;         /* the address of that folder */
};

/* The context that would be sent of a process now (tell.bpf.h). */
struct now {
	__u64 own_start, start, cwd[2];
	__u32 seq, ppid, sid, pgid;
};

struct scratch {
	struct call_spec spec;
	__u32 pos; /* bytes of the record that are used */
	struct walk walk;
	struct facts facts;
	union {
		struct header header;
		__u8 record[RECORD_SIZE + CHUNK];
	};
	__u8 path[CHUNK + NAME_SIZE];
	__u64 began; /* when the probe was entered, or 0: see measure.bpf.h */
	__u64 file;  /* with WANT_FILE: see uring.bpf.c */
	__u32 address; /* where the address that was passed is in the record; 0: none was; or ADDRESS_UNREAD */
	__u32 self;    /* its place in `scratches`, where functions cannot be given pointers: forms.bpf.h */
	struct names names;
	__u64 task; /* of a call: whose it is */
	struct now now;
};

/* Two for each CPU: the record of the event, and that of a cgroup that has to be sent before it. An array, since the values
 * of a per-CPU array are limited to 32 KiB. User space sets max_entries before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} call_ring SEC(".maps");

/* Apart from the ring of calls, so that a flood of calls never costs a fork, exec or exit. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} proc_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOST_MAX);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

#include "given.bpf.h"

SEC(".rodata.settings") const volatile struct settings settings;
SEC(".data.options") volatile __u32 options;

/* Atomically, though each processor has its own count: a program may lose its processor in between to another one. */
static __always_inline void count_lost(__u32 cause)
{
	__u64 *count = bpf_map_lookup_elem(&lost, &cause);

	if (count)
		__sync_fetch_and_add(count, 1);
}

static __always_inline struct scratch *get_scratch(__u32 which)
{
	__u32 key = bpf_get_smp_processor_id() * 2 + which;

	return NAMED_SCRATCH(key);
}

/* By the stage before which it runs, MAX_CALLS apart, and by row of calls/rows.py: a program generated from the rules, which
 * returns when no rule can want the event and else goes on to that stage. Where there is none, every event does. */
#define FILTERS(name)						\
	struct {						\
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);		\
		__uint(max_entries, MAX_CALLS * (STAGE_SUBMIT + 1));	\
		__type(key, __u32);				\
		__type(value, __u32);				\
	} name SEC(".maps")

/* A program behind another one of the same event, whose memory it goes on with as `s`. */
#define STAGE(section, name)									\
	static __always_inline int name##_of(unsigned long long *ctx, struct scratch *s);	\
	SEC(section)										\
	int name(unsigned long long *ctx)							\
	{											\
		struct scratch *s = get_scratch(0);						\
												\
		return s ? name##_of(ctx, s) : 0;						\
	}											\
	static __always_inline int name##_of(unsigned long long *ctx, struct scratch *s)
#define CALL_STAGE(name) STAGE("raw_tp/sys_exit", name)
#define EXEC_STAGE(name) STAGE(TYPED_TRACEPOINT "sched_process_exec", name)

/* The task whose call it is. Asking the kernel again would need a helper. */
static __always_inline struct task_struct *task_of(struct scratch *s)
{
	return HAS_CASTS ? TYPED(struct task_struct, (void *)s->task) : current_task();
}

static __always_inline void start_record(struct scratch *s, __u16 kind)
{
	s->pos = sizeof(struct header);
	s->header.kind = kind;
	s->header.call = 0;
	s->header.ret = 0;
	__builtin_memset(s->header.args, 0, sizeof(s->header.args));
	s->header.flags = 0;
	s->header.cpu = bpf_get_smp_processor_id();
}

/* Room for the data of a section of at most CHUNK bytes; NULL if the record is full. */
static __always_inline void *section_room(struct scratch *s)
{
	__u32 pos = s->pos;

	if (pos > RECORD_SIZE - CHUNK - sizeof(struct section)) {
		s->header.flags |= FLAG_CUT;
		return NULL;
	}
	pos &= RECORD_SIZE - 1;
	barrier_var(pos);
	if (pos > RECORD_SIZE - 1)
		return NULL;
	return s->record + pos + sizeof(struct section);
}

/* Ends the section whose data, len bytes, is now at section_room(). */
static __always_inline void end_section(struct scratch *s, __u16 tag, __u32 len)
{
	__u32 pos = s->pos & (RECORD_SIZE - 1);
	struct section *section = (void *)(s->record + pos);

	section->tag = tag;
	section->len = len;
	s->pos = pos + sizeof(*section) + len;
}

static __always_inline __u64 size_of(void *ring)
{
	return ring == (void *)&call_ring ? settings.ring_bytes : settings.proc_ring_bytes;
}

/* Wakes the reader when the ring passes the mark, instead of for every record: a wake-up costs more than the record. If
 * passing the mark goes unnoticed, the reader comes by itself a moment later. A reader that has read all and sleeps for longer
 * has given back a byte less than a whole record (kernel/ring.py): the mark is at the beginning. */
static __always_inline __u64 wake_flags(void *ring)
{
	__u64 unread = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	__u64 mark = unread & 1 ? 0 : size_of(ring) / WAKE_SHARE;

	return unread - mark < WAKE_BAND ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline bool submit(struct scratch *s, void *ring, __u32 cause)
{
	__u64 size = s->pos;

	if (size > RECORD_SIZE + CHUNK)
		return false;
	if (s->header.flags & FLAG_UNREADABLE)
		count_lost(LOST_UNREADABLE);
	if (s->header.flags & FLAG_CUT)
		count_lost(LOST_CUT);
	if (bpf_ringbuf_output(ring, s->record, size, wake_flags(ring)) == 0)
		return true;
	count_lost(cause);
	return false;
}

#endif
