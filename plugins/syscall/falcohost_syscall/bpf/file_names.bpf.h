/* Gives filters the names of the event's file besides the one under which they are asked, since a rule may ask for any
 * of them (fd.name.host). The real name comes with the file. */
#ifndef FALCOHOST_FILE_NAMES_BPF_H
#define FALCOHOST_FILE_NAMES_BPF_H

#include "names.bpf.h"
#include "about.bpf.h"

/* A longer record leaves the requested name unknown: another section may follow, or a name behind it. */
#define BEFORE_REQUESTED (ENVIRONMENT_AT - CHUNK)

/* Gives the requested name at a place of its own, if rules ask for it, since it costs a walk. */
GLOBAL int see_requested_name(SCRATCH(s))
{
	TAKE_SCRATCH(s);
	struct view *requested;
	__u32 pos, len;

	if (!s)
		return 0;
	requested = &s->facts.names.requested;
	if (s->pos > BEFORE_REQUESTED || s->facts.views[VIEW_PATH].len > VIEW_LONGEST || !write_requested(GIVE(s)))
		return 0;
	pos = s->walk.pos & (2 * CHUNK - 1);
	barrier_var(pos);
	if (pos > CHUNK)
		return 0;
	len = CHUNK - pos;
	if (!len || bpf_probe_read_kernel(s->record + REQUESTED_AT, len, s->path + pos))
		return 0;
	requested->at = REQUESTED_AT;
	requested->len = len;
	return 0;
}

static __always_inline struct view view_or_absent(__u16 at, __u16 len)
{
	return (struct view){at, len ? len : VIEW_ABSENT};
}

static __always_inline void see_file_names(struct scratch *s)
{
	struct file_names *names = &s->facts.names;
	struct watched_name *watched = &s->names.watched[0];

	names->host = view_or_absent(s->names.host.at, s->names.host.len);
	names->watched = s->names.name >= NAME_WATCHED ? s->facts.views[VIEW_NAME] : view_or_absent(watched->at, watched->len);
	names->requested = (struct view){0, VIEW_UNKNOWN};
	if (s->spec.asks & ASKS_REQUESTED)
		see_requested_name(GIVE(s));
}

#endif
