/* Texts of processes that are too long for struct process, with a quota for each user, and each cgroup of root's processes: who
 * fills the map has others' texts read in /proc, which an ended process has not. */
#ifndef FALCOHOST_LARGE_IMAGES_BPF_H
#define FALCOHOST_LARGE_IMAGES_BPF_H

#include "flood.bpf.h"

#define LARGE_IMAGES 8192
#define IMAGES_QUOTA (LARGE_IMAGES / 16)

/* By pid. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LARGE_IMAGES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct large_image);
} large_images SEC(".maps");

/* How many of them each group has. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LARGE_IMAGES);
	__type(key, struct group);
	__type(value, __u64);
} images_had SEC(".maps");

static const struct large_image no_large_image;
static const __u64 no_images;

static __always_inline struct large_image *large_image_of(struct task_struct *leader)
{
	__u32 pid = OF(leader, tgid);

	return bpf_map_lookup_elem(&large_images, &pid);
}

/* Has a group pay for one more; false: it has spent its quota. */
static __always_inline bool pay_image(struct group *group)
{
	__u64 *had = bpf_map_lookup_elem(&images_had, group);

	if (!had) {
		bpf_map_update_elem(&images_had, group, &no_images, BPF_NOEXIST);
		had = bpf_map_lookup_elem(&images_had, group);
	}
	if (!had || *had >= IMAGES_QUOTA)
		return false;
	__sync_fetch_and_add(had, 1);
	return true;
}

static __always_inline void repay_image(struct group *group)
{
	__u64 *had = bpf_map_lookup_elem(&images_had, group);

	if (had && *had)
		__sync_fetch_and_sub(had, 1);
}

/* Forgets the texts of a process that has some. */
GLOBAL int forget_image(__u32 pid)
{
	struct large_image *large = bpf_map_lookup_elem(&large_images, &pid);
	struct group payer = {};

	if (!large)
		return 0;
	payer.id = large->payer;
	payer.kind = large->payer_kind;
	if (bpf_map_delete_elem(&large_images, &pid) == 0 && payer.id)
		repay_image(&payer);
	return 0;
}

/* Adds texts for a process, empty ones or a copy, at the cost of the current process's user or cgroup; false if there is no
 * room. */
GLOBAL int add_image(__u32 pid, BY_NUMBER(struct large_image, from), __u64 cgroup)
{
	TAKE(struct large_image, from, from_number ? bpf_map_lookup_elem(&large_images, &from_number) : NULL);
	struct group payer = {.id = user_who_answers(), .kind = BY_USER};
	struct large_image *large;

	if (!payer.id) {
		payer.id = cgroup;
		payer.kind = BY_CGROUP;
	}
	forget_image(pid);
	if (!pay_image(&payer))
		return false;
	if (bpf_map_update_elem(&large_images, &pid, &no_large_image, BPF_NOEXIST)) {
		repay_image(&payer);
		return false;
	}
	large = bpf_map_lookup_elem(&large_images, &pid);
	if (large) {
		if (from) /* not by the helper above: that of Linux 6.1 takes no pointer that a global function got */
			bpf_probe_read_kernel(large, sizeof(*large), from);
		large->payer = payer.id;
		large->payer_kind = payer.kind;
	}
	return true;
}

#endif
