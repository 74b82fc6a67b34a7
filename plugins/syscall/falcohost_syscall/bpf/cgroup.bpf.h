/* The cgroups of a task: a key for all of them, and their paths when a key is met for the first time. */
#ifndef FALCOHOST_CGROUP_BPF_H
#define FALCOHOST_CGROUP_BPF_H

#include "flood.bpf.h"
#include "path.bpf.h"

#define MAX_SUBSYS 14
#define MAX_CGROUP_DEPTH 64

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} known_cgroups SEC(".maps");

static __always_inline __u64 mix(__u64 key, __u64 id)
{
	key = (key ^ id) * 0x9e3779b97f4a7c15ULL;
	return key ^ (key >> 29);
}

static __always_inline __u32 subsys_count(void)
{
	return bpf_core_enum_value(enum cgroup_subsys_id, CGROUP_SUBSYS_COUNT);
}

/* The array's length differs between kernels, which libbpf (up to 1.5) cannot relocate in a load from it. */
static __always_inline struct cgroup_subsys_state *subsys(struct css_set *set, int i)
{
	return AT(struct cgroup_subsys_state, (void *)set + bpf_core_field_offset(struct css_set, subsys) + i * 8);
}

static __always_inline __u64 cgroup_key(struct task_struct *task)
{
	struct css_set *set = OF(task, cgroups);
	__u64 key = mix(1, OF(OF(OF(set, dfl_cgrp), kn), id));

#pragma unroll
	for (int i = 0; i < MAX_SUBSYS; i++)
		if (i < subsys_count())
			key = mix(key, OF(OF(OF(subsys(set, i), cgroup), kn), id));
	return key;
}

STEP(cgroup_step)
{
	TAKE_STEP(s);
	struct kernfs_node *node = (void *)s->walk.dentry;
	char *name = (char *)&s->path[CHUNK]; /* behind the path */
	struct kernfs_node *parent;
	long len;

	if (bpf_core_field_exists(node->__parent))
		parent = READ(struct kernfs_node, node, __parent);
	else
		parent = (void *)BPF_CORE_READ((struct kernfs_node___before_6_15 *)node, parent);
	if (!parent)
		return 1;
	len = bpf_probe_read_kernel_str(name, NAME_SIZE, READ(struct kernfs_node, node, name));
	if (len <= 1 || !prepend(s, name, len - 1, true))
		return 1;
	s->walk.dentry = (__u64)parent;
	return 0;
}

/* Appends "subsys=path", unless the path is "/". */
GLOBAL int put_cgroup(SCRATCH(s), __u64 cgroup, __u64 subsys)
{
	TAKE_SCRATCH(s);
	STEP_CONTEXT(s);
	char name[32];
	long len = 0;

	if (!s)
		return 0;
	s->walk.pos = CHUNK;
	s->walk.cut = 0;
	s->walk.dentry = NUMBER(struct cgroup, cgroup, kn);
	LOOP_OF(MAX_CGROUP_DEPTH, MAX_CGROUP_DEPTH, cgroup_step, s);
	if (s->walk.pos == CHUNK)
		return 0;
	prepend(s, "=", 1, false);
	if (subsys)
		len = bpf_probe_read_kernel_str(name, sizeof(name), (void *)subsys);
	if (len > 1)
		prepend(s, name, len - 1, false);
	put_walked(s, SEC_CGROUP);
	return 0;
}

/* Goes through the cgroup v1 hierarchies; whatever belongs to v2 is in the default hierarchy, once. */
GLOBAL int put_cgroups(SCRATCH(s), __u64 set)
{
	TAKE_SCRATCH(s);
	struct cgroup *unified = READ(struct css_set, (void *)set, dfl_cgrp);

	if (!s)
		return 0;
	put_cgroup(GIVE(s), NUMBER(struct css_set, set, dfl_cgrp), 0);
	for (int i = 0; i < MAX_SUBSYS && i < subsys_count(); i++) {
		__u64 css = number_at((void *)set + bpf_core_field_offset(struct css_set, subsys) + i * sizeof(css));
		__u64 cgroup = NUMBER(struct cgroup_subsys_state, css, cgroup);

		if (cgroup && READ(struct cgroup, (void *)cgroup, root) != READ(struct cgroup, unified, root))
			put_cgroup(GIVE(s), cgroup, NUMBER(struct cgroup_subsys, READ(struct cgroup_subsys_state, (void *)css, ss), name));
	}
	return 0;
}

/* Sends the paths behind the task's key, unless they were sent already. Sorts before the record that carries the key. False:
 * the process has spent its budget. */
static OFF_STACK bool announce_cgroups(struct task_struct *task, struct header *event)
{
	__u64 key = event->cgroup;
	__u8 known = 1;
	struct scratch *s;

	if (bpf_map_lookup_elem(&known_cgroups, &key))
		return true;
	s = get_scratch(1);
	if (!s) {
		count_lost(LOST_SCRATCH);
		return true;
	}
	start_record(s, KIND_CGROUP);
	s->header.ts = event->ts - 1;
	s->header.cgroup = key;
	put_cgroups(GIVE(s), NUMBER(struct task_struct, task, cgroups));
	if (!has_room(event, &proc_ring, s->pos, OF_PROCESSES))
		return false;
	if (submit(s, &proc_ring, LOST_PROC_RING_FULL))
		bpf_map_update_elem(&known_cgroups, &key, &known, BPF_ANY);
	return true;
}

#endif
