/* The files that the paths of a call led to, for calls that leave no descriptor. Programs at the kernel's hooks for security
 * modules (hooks.bpf.c) find them during the call. Here they are kept until the call returns, and given to filters under one
 * name after the other (docs/decisions/0021-hooks.md). */
#ifndef FALCOHOST_REACHED_BPF_H
#define FALCOHOST_REACHED_BPF_H

#include "names.bpf.h"

/* Room for two paths of the greatest length; the host's names are kept only if there is room left. */
#define REACHED_SIZE (2 * CHUNK + 256)

/* A record as built so far: start and call in its header identify its owner, ret is the length of the sections, args are
 * the places of the names in it. */
struct reached {
	struct header header;
	__u8 sections[REACHED_SIZE];
};

/* By thread, or by the address of an io_uring request. User space sets max_entries before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct reached);
} reached SEC(".maps");

static __always_inline void put_reached(struct scratch *s, enum reached_name name)
{
	__u32 before = s->pos;

	put_walked(s, SEC_REALPATH + name);
	if (s->pos == before)
		return;
	s->names.reached[name].at = before + sizeof(struct section);
	s->names.reached[name].len = s->pos - before - sizeof(struct section);
}

/* Adds the name by which the machine's init reaches the file, if it differs and there is room. */
static __always_inline void put_host(struct scratch *s, enum reached_name name, __u64 mnt, __u64 dentry)
{
	__u32 before = s->pos;

	s->facts.views[VIEW_NAME] = s->names.reached[name - REACHED_HOST];
	if (!walk_from_init(GIVE(s), mnt, dentry) || walked_is_told(s))
		return;
	put_reached(s, name);
	s->header.flags |= FLAG_OTHER_NAME;
	if (s->pos <= sizeof(struct header) + REACHED_SIZE)
		return;
	s->pos = before;
	s->header.flags |= FLAG_CUT;
	s->names.reached[name].len = 0;
}

/* Begins the record with what was found, if the call or the request reached the hook. */
GLOBAL int take_reached(SCRATCH(s), __u64 request)
{
	TAKE_SCRATCH(s);
	struct task_struct *task = current_task();
	struct reached *found;
	__u64 key = request;
	__u32 len;

	if (!s)
		return 0;
	if (!request)
		key = OF(task, pid);
	found = bpf_map_lookup_elem(&reached, &key);
	if (!found || found->header.call != s->header.call || (!request && found->header.start != OF(task, start_boottime))) {
		if (s->header.ret >= 0)
			count_lost(LOST_REAL_NAME);
		return 0;
	}
	len = found->header.ret;
	barrier_var(len);
	if (len <= REACHED_SIZE && bpf_probe_read_kernel(s->record + sizeof(s->header), len, found->sections) == 0) {
		s->pos = sizeof(s->header) + len;
		s->header.flags |= found->header.flags;
		__builtin_memcpy(s->names.reached, found->header.args, sizeof(s->names.reached));
	}
	bpf_map_delete_elem(&reached, &key);
	return 0;
}

/* Which paths have a known file. */
static __always_inline __u8 led_to(struct scratch *s)
{
	struct view *found = s->names.reached;

	return (found[REACHED_REAL].len ? LED_TO : 0) | (found[REACHED_REAL2].len ? LED_TO2 : 0);
}

/* Gives filters the paths under the first name: the real one, if it is known. */
static __always_inline void see_paths(struct scratch *s)
{
	struct view *views = s->facts.views, *found = s->names.reached;

	views[VIEW_SEEN] = found[REACHED_REAL].len ? found[REACHED_REAL] : views[VIEW_PATH];
	views[VIEW_SEEN2] = found[REACHED_REAL2].len ? found[REACHED_REAL2] : views[VIEW_PATH2];
	s->facts.led_to = led_to(s);
}

/* The directory at which a relative path starts, which is in the next section; length 0: there is none. */
static __always_inline struct view start_of(struct scratch *s, struct view path)
{
	struct view start = {};
	__u32 at = path.at + path.len;
	struct section *section;

	barrier_var(at); /* or the verifier is not shown the bound */
	if (at > RECORD_SIZE - sizeof(*section) || at >= s->pos)
		return start;
	section = (void *)(s->record + at);
	if (section->tag == SEC_DIR || section->tag == SEC_DIR2)
		start = (struct view){at + sizeof(*section), section->len};
	return start;
}

/* Whether a path argument equals the real name, or its end behind the directory where it starts. */
GLOBAL int is_path_real(SCRATCH(s), __u32 argument, __u32 which)
{
	TAKE_SCRATCH(s);
	struct view path, real, start;
	__u32 before;

	if (!s)
		return false;
	path = s->facts.views[argument & 7];
	real = s->names.reached[which & 3];
	if (!path.len || path.len > VIEW_LONGEST)
		return false;
	if (s->record[path.at & (RECORD_SIZE - 1)] == '/')
		return path.len == real.len && is_same(GIVE(s), path.at, real.at, path.len);
	start = start_of(s, path);
	before = start.len == 1 ? 0 : start.len;
	if (!start.len || before + 1 + path.len != real.len || s->record[(real.at + before) & (RECORD_SIZE - 1)] != '/')
		return false;
	return is_same(GIVE(s), path.at, real.at + before + 1, path.len) && (!before || is_same(GIVE(s), start.at, real.at, before));
}

/* Switches filters to the next name of both paths; false if they have none. */
static __always_inline bool see_next_paths(struct scratch *s)
{
	struct view *views = s->facts.views, *found = s->names.reached;

	if (!found[REACHED_REAL].len)
		return false;
	if (s->names.name == NAME_REAL) {
		s->names.name = NAME_REQUESTED;
		if (!is_path_real(GIVE(s), VIEW_PATH, REACHED_REAL) ||
		    (found[REACHED_REAL2].len && !is_path_real(GIVE(s), VIEW_PATH2, REACHED_REAL2))) {
			views[VIEW_SEEN] = views[VIEW_PATH];
			views[VIEW_SEEN2] = views[VIEW_PATH2];
			s->facts.led_to = 0;
			return true;
		}
	}
	if (s->names.name == NAME_HOST || !(found[REACHED_HOST].len || found[REACHED_HOST2].len))
		return false;
	s->names.name = NAME_HOST;
	s->facts.led_to = led_to(s);
	views[VIEW_SEEN] = found[found[REACHED_HOST].len ? REACHED_HOST : REACHED_REAL];
	views[VIEW_SEEN2] = found[found[REACHED_HOST2].len ? REACHED_HOST2 : REACHED_REAL2];
	return true;
}

#endif
