/* The names of a file besides the real one: the requested one, the host's, and those by which it is watched. When filters
 * have left an event out under one name, they are asked again under the next (docs/decisions/0018-names.md,
 * 0022-hard-links.md). */
#ifndef FALCOHOST_NAMES_BPF_H
#define FALCOHOST_NAMES_BPF_H

#include "init_path.bpf.h"
#include "requested.bpf.h"
#include "watched.bpf.h"

enum name { NAME_REAL, NAME_REQUESTED, NAME_HOST, NAME_WATCHED }; /* and behind it the further ones of those */

static __always_inline void put_host_path(struct scratch *s)
{
	__u32 before = s->pos;

	if (!walk_from_init(GIVE(s), s->names.mnt, s->names.dentry) || walked_is_told(s))
		return;
	put_walked(s, SEC_HOSTPATH);
	if (s->pos == before)
		return;
	s->header.flags |= FLAG_OTHER_NAME;
	s->names.host.at = before + sizeof(struct section);
	s->names.host.len = s->pos - s->names.host.at;
	s->names.host_leaf = s->walk.leaf;
}

/* The directory at which a path argument starts. */
static __always_inline void put_host_dir(struct scratch *s, struct task_struct *task, __u16 tag, enum view_index path, __u8 dir_arg)
{
	struct view view = s->facts.views[path];
	__s32 fd = dir_arg < 6 ? (__s32)s->header.args[dir_arg] : AT_FDCWD;
	struct path *start = &OF(task, fs)->pwd;
	struct file *file;

	if (view.len > VIEW_LONGEST)
		return;
	if (view.len && s->record[view.at & (RECORD_SIZE - 1)] == '/') {
		start = &OF(task, fs)->root;
	} else if (fd != AT_FDCWD) {
		file = file_of_fd(task, fd);
		if (!file)
			return;
		start = &file->f_path;
	}
	if (!walk_from_init(GIVE(s), NUMBER(struct path, start, mnt), NUMBER(struct path, start, dentry)))
		return;
	put_walked(s, tag);
	s->header.flags |= FLAG_OTHER_NAME;
}

/* The file of an AF_UNIX socket: the other end's if that has an address, else its own. */
static __always_inline void find_socket_file(struct scratch *s, struct sockinfo *info)
{
	struct unix_sock *own = (void *)info->sk, *peer = (void *)info->peer;
	struct unix_sock *named = peer && READ(struct unix_sock, peer, addr) ? peer : own;

	s->names.mnt = (__u64)READ(struct unix_sock, named, path.mnt);
	s->names.dentry = (__u64)READ(struct unix_sock, named, path.dentry);
}

static __always_inline void put_socket_file(struct scratch *s, struct task_struct *task)
{
	walk_path(GIVE(s), NUMBER(struct task_struct, task, fs), s->names.mnt, s->names.dentry);
	put_walked(s, SEC_FDPATH);
	s->header.flags |= FLAG_SOCKET_FILE;
}

#define MATCHED 256 /* longer paths that are passed are not compared on the way up */

enum { GATHERED_PATHS = 1, GATHERED_HOST = 2 };

/* Puts the path that was passed to open a file, and that was recorded as the file's, into the record as the path passed. */
static __always_inline void put_passed_again(struct scratch *s, struct task_struct *task)
{
	struct view passed = s->facts.views[VIEW_PATH];
	char *room = section_room(s);

	if (!room || passed.len > MATCHED)
		return;
	if (bpf_probe_read_kernel(room, passed.len, s->record + (passed.at & (RECORD_SIZE - 1))) == 0)
		end_section(s, SEC_PATH, passed.len);
	put_start(s, task, SEC_PATH, s->spec.dir_arg, true);
}

/* Puts the path arguments into the record, once. */
static __always_inline void gather_paths(struct scratch *s, struct task_struct *task)
{
	if (s->names.gathered & GATHERED_PATHS)
		return;
	s->names.gathered |= GATHERED_PATHS;
	if (s->facts.views[VIEW_PATH].len <= VIEW_LONGEST)
		put_passed_again(s, task);
	else if (s->spec.want & WANT_PATH)
		put_path_argument(s, task, SEC_PATH, s->spec.path_arg, s->spec.dir_arg);
	if (s->spec.want & WANT_PATH2)
		put_path_argument(s, task, SEC_PATH2, s->spec.path2_arg, s->spec.dir2_arg);
}

/* Puts what the host's names are made of into the record, once. For calls that leave no file behind it is the directory at
 * which a path argument starts, so those come first. */
static __always_inline void gather_host(struct scratch *s, struct task_struct *task)
{
	if (s->names.gathered & GATHERED_HOST || options & OPTION_REQUESTED || s->header.ret < 0)
		return;
	s->names.gathered |= GATHERED_HOST;
	if (s->names.mnt && s->facts.kind == FD_UNIX)
		put_socket_file(s, task);
	if (s->names.mnt)
		put_host_path(s);
	if (s->names.inode)
		put_watched(GIVE(s));
	if (s->spec.want & WANT_FD)
		return;
	if (s->spec.want & WANT_PATH)
		put_host_dir(s, task, SEC_HOSTDIR, VIEW_PATH, s->spec.dir_arg);
	if (s->spec.want & WANT_PATH2)
		put_host_dir(s, task, SEC_HOSTDIR2, VIEW_PATH2, s->spec.dir2_arg);
}

#define MAX_COMPONENTS 16

/* Whether the last len bytes of the real name, in whole components, are below the directory where a relative path starts. */
static __always_inline bool starts_above(struct scratch *s, struct task_struct *task, __u32 len)
{
	__s32 fd = s->spec.dir_arg < 6 ? (__s32)s->header.args[s->spec.dir_arg] : AT_FDCWD;
	struct file *file = file_of_fd(task, fd);
	struct path *start = file ? &file->f_path : &OF(task, fs)->pwd;
	struct vfsmount *mnt = (void *)s->names.mnt;
	struct dentry *top = READ(struct vfsmount, mnt, mnt_root), *dentry = (void *)s->names.dentry;
	__u32 left = len;

	if ((fd != AT_FDCWD && !file) || READ(struct path, start, mnt) != mnt)
		return false;
	for (int i = 0; i < MAX_COMPONENTS && dentry != top; i++) {
		__u32 size = READ(struct dentry, dentry, d_name.len);

		dentry = READ(struct dentry, dentry, d_parent);
		if (size >= left)
			return size == left && dentry == READ(struct path, start, dentry);
		left -= size + 1;
	}
	return false;
}

#ifndef OLDER
/* One step up along a text that ends at record[walk.pos]: 1 at the root, or if the text does not have this name. */
STEP(match_step)
{
	TAKE_STEP(s);
	struct walk *w = &s->walk;
	struct dentry *dentry = (void *)w->dentry;
	const void *name = READ(struct dentry, dentry, d_name.name);
	__u32 len = READ(struct dentry, dentry, d_name.len), at = w->pos - len;

	if (w->dentry == w->root_dentry) {
		w->arrived = 1;
		return 1;
	}
	if (!len || len > SHORT_NAME || len >= w->pos || s->record[(at - 1) & (RECORD_SIZE - 1)] != '/')
		return 1;
	for (__u32 done = 0; done < SHORT_NAME && done < len; done += sizeof(__u64)) {
		__u64 difference = eight_bytes(s, at + done) ^ number_at(name + done);

		if (len - done < sizeof(__u64))
			difference <<= 8 * (sizeof(__u64) - (len - done));
		if (difference)
			return 1;
	}
	if (!w->leaf)
		w->leaf = len;
	w->pos = at - 1;
	w->dentry = NUMBER(struct dentry, dentry, d_parent);
	return 0;
}

/* Records the path that was passed as that of the opened file, if it is the real one and needs no change; the file is on the
 * mount of the root directory. Nearly all files need no other name then, and filters know early what was passed. */
GLOBAL int put_passed_path(SCRATCH(s), __u64 root, __u64 dentry)
{
	TAKE_SCRATCH(s);
	STEP_CONTEXT(s);
	struct walk *w;
	__u32 begin;
	char *room;
	long len;

	if (!s)
		return false;
	room = section_room(s);
	if (!room || !HAS_CASTS)
		return false;
	w = &s->walk;
	begin_walk(w);
	len = bpf_probe_read_user_str(room, MATCHED, (void *)arg(s, s->spec.path_arg)) - 1;
	if (len <= 1 || len >= MATCHED - 1)
		return false;
	begin = s->pos + sizeof(struct section);
	w->pos = begin + len;
	w->dentry = dentry;
	w->root_dentry = root;
	LOOP_OF(MATCHED / 2, MATCHED / 2, match_step, s);
	if (!w->arrived || w->pos != begin)
		return false;
	end_section(s, SEC_FDPATH, len);
	see(&s->facts, VIEW_PATH, begin, len);
	return true;
}

#endif

/* The folder of a file whose path was just recorded, for the filters of folders. */
static __always_inline void see_folder(struct scratch *s, struct dentry *dentry, __u32 at)
{
	s->names.folder = NUMBER(struct dentry, dentry, d_parent);
	see(&s->facts, VIEW_FOLDER, at, s->pos - at - s->walk.leaf);
}

/* Whether the requested name is the real one, as nearly always: the path that was passed equals it, or is its end and
 * starts in the folder before that. */
GLOBAL int requested_is_real(SCRATCH(s))
{
	TAKE_SCRATCH(s);
	struct view real, passed;
	__u32 size;
	char *room;

	if (!s)
		return false;
	real = s->facts.views[VIEW_NAME];
	passed = s->facts.views[VIEW_PATH];
	if (!(s->names.gathered & GATHERED_PATHS)) {
		room = section_room(s);
		size = real.len + 2; /* so that a longer path is seen to be one */
		if (!room || size > CHUNK)
			return false;
		passed.len = bpf_probe_read_user_str(room, size, (void *)arg(s, s->spec.path_arg)) - 1;
		passed.at = s->pos + sizeof(struct section);
	}
	if (!passed.len || passed.len > real.len || real.len > VIEW_LONGEST)
		return false;
	if (passed.len == real.len)
		return is_same(GIVE(s), passed.at, real.at, real.len);
	return s->record[passed.at & (RECORD_SIZE - 1)] != '/' && starts_above(s, current_task(), passed.len) &&
	       is_same(GIVE(s), passed.at, real.at + real.len - passed.len, passed.len);
}

/* The next name by which the file is watched, or NULL. */
static __always_inline struct watched_name *next_watched(struct scratch *s)
{
	__u32 next = s->names.name < NAME_WATCHED ? 0 : s->names.name - NAME_WATCHED + 1;
	struct watched_name *name;

	barrier_var(next);
	if (next >= WATCHED_NAMES)
		return NULL;
	name = &s->names.watched[next];
	if (!name->len)
		return NULL;
	s->names.name = NAME_WATCHED + next;
	return name;
}

/* Switches filters to the next name of the event's file; false if it has none. */
static __always_inline bool see_next_name(struct scratch *s, struct task_struct *task)
{
	struct watched_name *watched;

	if (!s->names.mnt || s->facts.kind == FD_UNIX || options & OPTION_REQUESTED)
		return false; /* what a socket is called is not told to filters at all */
	if (s->names.name == NAME_REAL) {
		s->names.name = NAME_REQUESTED;
		gather_host(s, task);
		if (is_opening(s) && !requested_is_real(GIVE(s))) {
			gather_paths(s, task);
			if (see_requested(GIVE(s)))
				return true;
		}
	}
	if (s->names.name == NAME_REQUESTED && s->names.host.len) {
		s->names.name = NAME_HOST;
		see_name(&s->facts, s->names.host.at, s->names.host.len, s->names.host_leaf);
		return true;
	}
	watched = next_watched(s);
	if (!watched)
		return false;
	see_name(&s->facts, watched->at, watched->len, watched->leaf);
	return true;
}

#endif
