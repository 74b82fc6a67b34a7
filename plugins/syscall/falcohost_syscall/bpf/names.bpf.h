/* The names that a file has beside the real one: the one that was requested, and the host's. When filters have left an
 * event out under one name, they are asked again under the next (docs/decisions/0018-names.md). */
#ifndef FALCOHOST_NAMES_BPF_H
#define FALCOHOST_NAMES_BPF_H

#include "task.bpf.h"
#include "user_memory.bpf.h"

#define PROC_SUPER_MAGIC 0x9fa0
#define MAX_MOUNTS 4096     /* of one file system that are looked at */
#define MAX_LEVELS 16       /* mounts on mounts that are compared */
#define TEXT_LOOKED_AT 1024 /* longer paths are not made whole; what is not told passes */

enum name { NAME_REAL, NAME_REQUESTED, NAME_HOST };

/* By file system: its mount by which the machine's init reaches it. Looked at again before it is used. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} home_mounts SEC(".maps");

/* Walk over the mounts of one file system. */
struct home_context {
	__u64 mount, end, ns, sb_root, found, found_id;
	bool whole; /* what was found shows the whole file system */
};

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	return (void *)mnt - bpf_core_field_offset(struct mount, mnt);
}

static __always_inline struct vfsmount *vfsmount_of(struct mount *mount)
{
	return (void *)mount + bpf_core_field_offset(struct mount, mnt);
}

static __always_inline struct mount *next_mount(struct mount *mount)
{
	struct mount___listed *listed = (void *)mount;

	if (bpf_core_field_exists(mount->mnt_next_for_sb))
		return READ(struct mount, mount, mnt_next_for_sb);
	return pointer_at((void *)mount + bpf_core_field_offset(listed->mnt_instance)) -
	       bpf_core_field_offset(listed->mnt_instance);
}

static int home_step(__u32 i, struct home_context *context)
{
	struct mount *mount = (void *)context->mount;
	__u64 id = i;
	bool whole;

	if (!mount || context->mount == context->end)
		return 1;
	if ((__u64)READ(struct mount, mount, mnt_ns) == context->ns) {
		whole = (__u64)READ(struct mount, mount, mnt.mnt_root) == context->sb_root;
		if (bpf_core_field_exists(mount->mnt_id_unique))
			id = READ(struct mount, mount, mnt_id_unique);
		if (!context->found || (whole && !context->whole) || (whole == context->whole && id < context->found_id)) {
			context->found = (__u64)mount;
			context->found_id = id;
			context->whole = whole;
		}
	}
	context->mount = (__u64)next_mount(mount);
	return 0;
}

static __always_inline void first_mount(struct super_block *sb, struct home_context *context)
{
	struct super_block___listed *old = (void *)sb;
	struct mount___listed *listed = NULL;
	void *list;

	if (bpf_core_field_exists(((struct mount *)NULL)->mnt_next_for_sb)) {
		context->mount = (__u64)READ(struct super_block, sb, s_mounts);
		return;
	}
	list = (void *)sb + bpf_core_field_offset(old->s_mounts);
	context->end = (__u64)list - bpf_core_field_offset(listed->mnt_instance);
	context->mount = (__u64)pointer_at(list) - bpf_core_field_offset(listed->mnt_instance);
}

/* Of a file system's mounts in a mount namespace the oldest that shows all of it, or else the oldest; NULL: none. */
static __noinline struct vfsmount *home_mount(struct super_block *sb, struct mnt_namespace *ns)
{
	struct home_context context = {.ns = (__u64)ns};
	__u64 key = (__u64)sb, *known = bpf_map_lookup_elem(&home_mounts, &key);
	struct mount *mount;

	if (known) {
		mount = (void *)*known;
		if (READ(struct mount, mount, mnt.mnt_sb) == sb && READ(struct mount, mount, mnt_ns) == ns)
			return vfsmount_of(mount);
	}
	context.sb_root = (__u64)READ(struct super_block, sb, s_root);
	first_mount(sb, &context);
	bpf_loop(MAX_MOUNTS, home_step, &context, 0);
	if (!context.found)
		return NULL;
	bpf_map_update_elem(&home_mounts, &key, &context.found, BPF_ANY);
	return vfsmount_of((void *)context.found);
}

/* Whether what a process sees on one mount, init sees on the other by the same path: the same mounts up to the same root,
 * or copies of them, as a new mount namespace has. */
static __always_inline bool same_path(struct vfsmount *mnt, struct fs_struct *fs, struct vfsmount *home, struct fs_struct *init)
{
	struct vfsmount *root = READ(struct fs_struct, fs, root.mnt), *top = READ(struct fs_struct, init, root.mnt);
	struct mount *one, *other;

	if (READ(struct fs_struct, fs, root.dentry) != READ(struct fs_struct, init, root.dentry))
		return false;
	if (mnt == home && root == top)
		return true;
	for (int i = 0; i < MAX_LEVELS; i++) {
		if (READ(struct vfsmount, mnt, mnt_root) != READ(struct vfsmount, home, mnt_root))
			return false;
		if (mnt == root && home == top)
			return true;
		one = mount_of(mnt);
		other = mount_of(home);
		if (READ(struct mount, one, mnt_mountpoint) != READ(struct mount, other, mnt_mountpoint))
			return false;
		mnt = vfsmount_of(READ(struct mount, one, mnt_parent));
		home = vfsmount_of(READ(struct mount, other, mnt_parent));
	}
	return false;
}

/* The pid namespace of the machine, whose init is the machine's. */
static __always_inline struct pid_namespace *machine_pids(struct task_struct *task)
{
	void *upid = (void *)task->thread_pid + bpf_core_field_offset(struct pid, numbers);

	return pointer_at(upid + bpf_core_field_offset(struct upid, ns));
}

static const char proc_name[8] = "proc";

/* Each mount of proc is a file system of its own, with the same names in it if it shows the same pid namespace. */
static __always_inline bool walk_second_proc(struct scratch *s, struct task_struct *task, struct vfsmount *mnt,
					     struct dentry *dentry)
{
	struct super_block *sb = READ(struct vfsmount, mnt, mnt_sb);
	struct proc_fs_info *info = READ(struct super_block, sb, s_fs_info);

	if (READ(struct super_block, sb, s_magic) != PROC_SUPER_MAGIC ||
	    READ(struct proc_fs_info, info, pid_ns) != machine_pids(task))
		return false;
	begin_walk(&s->walk);
	walk_to(s, (__u64)mnt, (__u64)READ(struct super_block, sb, s_root), mnt, dentry);
	return s->walk.arrived && prepend(s, proc_name, 4, true);
}

/* The root directory of the machine's init, as it was when it was last looked up: a short cut, no more. */
static volatile struct {
	__u64 mnt, dentry;
} init_root;

/* Fills s->path with the path by which init reaches a directory entry; false if there is none, or surely the same. */
static __noinline bool walk_from_init(struct scratch *s, struct task_struct *task, struct vfsmount *mnt, struct dentry *dentry)
{
	struct vfsmount *top, *home, *root = task->fs->root.mnt;
	struct super_block *sb;
	struct task_struct *init;
	struct fs_struct *fs;

	if (!s)
		return false;
	if ((__u64)mnt == init_root.mnt && mnt == root && (__u64)task->fs->root.dentry == init_root.dentry)
		return false;
	init = READ(struct pid_namespace, machine_pids(task), child_reaper);
	fs = READ(struct task_struct, init, fs);
	home = top = READ(struct fs_struct, fs, root.mnt);
	init_root.mnt = (__u64)top;
	init_root.dentry = (__u64)READ(struct fs_struct, fs, root.dentry);
	sb = READ(struct vfsmount, mnt, mnt_sb);
	if (sb != READ(struct vfsmount, top, mnt_sb)) {
		if (sb == READ(struct vfsmount, root, mnt_sb))
			return false; /* an image's file system: by what path the runtime reaches it says nothing */
		home = home_mount(sb, READ(struct nsproxy, READ(struct task_struct, init, nsproxy), mnt_ns));
	}
	if (!home)
		return walk_second_proc(s, task, mnt, dentry);
	if (same_path(mnt, task->fs, home, fs))
		return false;
	begin_walk(&s->walk);
	walk_up(s, fs, home, dentry);
	return s->walk.arrived && !s->walk.cut;
}

/* Two texts in struct scratch, by their offsets from the record's begin; s->path follows on the record. */
struct compared {
	struct scratch *s;
	__u32 one, other, len;
	bool different;
};

#define RECORD_AND_PATH (sizeof(((struct scratch *)0)->record) + sizeof(((struct scratch *)0)->path))
#define PATH_AT sizeof(((struct scratch *)0)->record)
#define COMPARED_AT_ONCE 48 /* without a loop */

static __always_inline __u64 eight_bytes(struct scratch *s, __u32 at)
{
	const __u64 *bytes;

	barrier_var(at); /* or the verifier is not shown the bound */
	if (at > RECORD_AND_PATH - sizeof(__u64))
		return 0;
	bytes = (void *)s + __builtin_offsetof(struct scratch, record) + at;
	barrier_var(bytes); /* or the compiler reads them one by one */
	return *bytes;
}

/* Compares up to eight bytes; true if that was the last comparison. */
static __always_inline bool compare(struct compared *compared, __u32 done)
{
	__u32 left = compared->len - done;
	__u64 difference = eight_bytes(compared->s, compared->one + done) ^ eight_bytes(compared->s, compared->other + done);

	if (left < sizeof(__u64))
		difference <<= 8 * (sizeof(__u64) - left);
	compared->different = difference != 0;
	return difference != 0 || left <= sizeof(__u64);
}

static int compare_step(__u32 i, struct compared *compared)
{
	return compare(compared, COMPARED_AT_ONCE + i * sizeof(__u64));
}

/* Whether two texts of the same length are the same. */
static __noinline bool is_same(struct scratch *s, __u32 one, __u32 other, __u32 len)
{
	struct compared compared = {.s = s, .one = one, .other = other, .len = len};

	if (!s || !len)
		return false;
	for (__u32 done = 0; done < COMPARED_AT_ONCE; done += sizeof(__u64))
		if (compare(&compared, done))
			return !compared.different;
	bpf_loop(CHUNK / sizeof(__u64), compare_step, &compared, 0);
	return !compared.different;
}

/* Whether s->path holds the text that is told as VIEW_NAME. */
static __always_inline bool walked_is_told(struct scratch *s)
{
	struct view told = s->facts.views[VIEW_NAME];

	return told.len == CHUNK - s->walk.pos && is_same(s, PATH_AT + s->walk.pos, told.at, told.len);
}

/* A path as text is read from its end to its begin. Where that stands lies in the map, for the reason that struct walk
 * does. */
struct text_context {
	struct scratch *s;
};

/* Puts the component that begins at names.at before what s->path holds; false if it does not fit. */
static __always_inline bool put_component(struct scratch *s)
{
	__u32 size = s->names.size, at = s->names.at & (RECORD_SIZE - 1);
	bool dots = size == s->names.dots;
	struct walk *w = &s->walk;

	s->names.size = s->names.dots = 0;
	if (!size || (dots && size == 1))
		return true;
	if (dots && size == 2)
		w->skip++;
	else if (w->skip)
		w->skip--;
	else
		return prepend(s, &s->record[at], size, true);
	return true;
}

static int text_step(__u32 i, struct text_context *context)
{
	struct scratch *s = context->s;
	char c = s->record[(s->names.at - 1) & (RECORD_SIZE - 1)];

	if (c != '/') {
		s->names.size++;
		s->names.dots += c == '.';
	} else if (!put_component(s)) {
		return 1;
	}
	s->names.at--;
	return 0;
}

/* Fills s->path with the first path argument, made whole as text (text.py: absolute); false if that is not told. */
static __noinline bool write_requested(struct scratch *s, struct task_struct *task)
{
	struct text_context context = {.s = s};
	struct path *start;
	struct view path;
	struct file *file;
	__s32 fd;

	if (!s)
		return false;
	path = s->facts.views[VIEW_PATH];
	if (path.len > TEXT_LOOKED_AT)
		return false;
	begin_walk(&s->walk);
	s->names.at = path.at + path.len;
	s->names.size = s->names.dots = 0;
	bpf_loop(path.len, text_step, &context, 0);
	if (path.len && s->record[path.at & (RECORD_SIZE - 1)] == '/') {
		if (s->walk.pos == CHUNK)
			prepend(s, NULL, 0, true);
		return !s->walk.cut;
	}
	put_component(s);
	fd = s->spec.dir_arg < 6 ? (__s32)s->header.args[s->spec.dir_arg] : AT_FDCWD;
	file = file_of_fd(task, fd);
	start = file ? &file->f_path : &task->fs->pwd;
	if (fd != AT_FDCWD && (!file || is_nameless(READ(struct path, start, mnt), READ(struct path, start, dentry))))
		return false;
	walk_up(s, task->fs, READ(struct path, start, mnt), READ(struct path, start, dentry));
	return !s->walk.cut && !is_detached(&s->walk);
}

static __always_inline void see_no_name(struct facts *facts)
{
	see(facts, VIEW_NAME, 0, VIEW_UNKNOWN);
	see(facts, VIEW_DIRECTORY, 0, VIEW_UNKNOWN);
	see(facts, VIEW_FILENAME, 0, VIEW_UNKNOWN);
}

/* Tells the requested name. It lies behind the end of the record, where nothing is put any more that filters read. */
static __noinline bool see_requested(struct scratch *s, struct task_struct *task)
{
	struct view path;
	__u32 pos, len;
	char *room;

	if (!s)
		return false;
	path = s->facts.views[VIEW_PATH];
	if (path.len > VIEW_LONGEST)
		return false; /* paged out: nobody can tell it */
	if (!write_requested(s, task)) {
		see_no_name(&s->facts);
		return true;
	}
	if (walked_is_told(s))
		return false;
	see_no_name(&s->facts);
	pos = s->walk.pos & (2 * CHUNK - 1);
	barrier_var(pos);
	room = section_room(s);
	if (!room || pos > CHUNK)
		return true;
	len = CHUNK - pos;
	if (len && bpf_probe_read_kernel(room, len, s->path + pos) == 0)
		see_name(&s->facts, s->pos + sizeof(struct section), len, s->walk.leaf);
	return true;
}

static __always_inline void put_host_path(struct scratch *s, struct task_struct *task)
{
	__u32 before = s->pos;

	if (!walk_from_init(s, task, (void *)s->names.mnt, (void *)s->names.dentry) || walked_is_told(s))
		return;
	put_walked(s, SEC_HOSTPATH);
	if (s->pos == before)
		return;
	s->header.flags |= FLAG_HOST_NAME;
	s->names.host.at = before + sizeof(struct section);
	s->names.host.len = s->pos - s->names.host.at;
	s->names.host_leaf = s->walk.leaf;
}

/* The directory from which a path argument starts. */
static __always_inline void put_host_dir(struct scratch *s, struct task_struct *task, __u16 tag, enum view_index path, __u8 dir_arg)
{
	struct view view = s->facts.views[path];
	__s32 fd = dir_arg < 6 ? (__s32)s->header.args[dir_arg] : AT_FDCWD;
	struct path *start = &task->fs->pwd;
	struct file *file;

	if (view.len > VIEW_LONGEST)
		return;
	if (view.len && s->record[view.at & (RECORD_SIZE - 1)] == '/') {
		start = &task->fs->root;
	} else if (fd != AT_FDCWD) {
		file = file_of_fd(task, fd);
		if (!file)
			return;
		start = &file->f_path;
	}
	if (!walk_from_init(s, task, READ(struct path, start, mnt), READ(struct path, start, dentry)))
		return;
	put_walked(s, tag);
	s->header.flags |= FLAG_HOST_NAME;
}

/* The file that a socket of AF_UNIX is reached by: the other end's, if that has an address, else its own. */
static __always_inline void find_socket_file(struct scratch *s, struct sockinfo *info)
{
	struct unix_sock *own = (void *)info->sk, *peer = (void *)info->peer;
	struct unix_sock *named = peer && READ(struct unix_sock, peer, addr) ? peer : own;

	s->names.mnt = (__u64)READ(struct unix_sock, named, path.mnt);
	s->names.dentry = (__u64)READ(struct unix_sock, named, path.dentry);
}

static __always_inline void put_socket_file(struct scratch *s, struct task_struct *task)
{
	walk_path(s, task, (void *)s->names.mnt, (void *)s->names.dentry);
	put_walked(s, SEC_FDPATH);
	s->header.flags |= FLAG_SOCKET_FILE;
}

enum { GATHERED_PATHS = 1, GATHERED_HOST = 2 };

/* Puts the path arguments into the record, once. */
static __always_inline void gather_paths(struct scratch *s, struct task_struct *task)
{
	if (s->names.gathered & GATHERED_PATHS)
		return;
	s->names.gathered |= GATHERED_PATHS;
	if (s->spec.want & WANT_PATH)
		put_path_argument(s, task, SEC_PATH, s->spec.path_arg, s->spec.dir_arg);
	if (s->spec.want & WANT_PATH2)
		put_path_argument(s, task, SEC_PATH2, s->spec.path2_arg, s->spec.dir2_arg);
}

/* Puts what the host's names are made of into the record, once: of calls that leave no file behind that is the directory
 * from which a path argument starts, so those come first. */
static __always_inline void gather_host(struct scratch *s, struct task_struct *task)
{
	if (s->names.gathered & GATHERED_HOST || options & OPTION_REQUESTED || s->header.ret < 0)
		return;
	s->names.gathered |= GATHERED_HOST;
	if (s->names.mnt && s->facts.kind == FD_UNIX)
		put_socket_file(s, task);
	if (s->names.mnt)
		put_host_path(s, task);
	if (s->spec.want & WANT_FD)
		return;
	if (s->spec.want & WANT_PATH)
		put_host_dir(s, task, SEC_HOSTDIR, VIEW_PATH, s->spec.dir_arg);
	if (s->spec.want & WANT_PATH2)
		put_host_dir(s, task, SEC_HOSTDIR2, VIEW_PATH2, s->spec.dir2_arg);
}

/* Whether the event's file is opened by the path that was passed. */
static __always_inline bool is_opening(struct scratch *s)
{
	return s->spec.want & WANT_PATH && s->spec.fd_arg == RET_ARG;
}

#define MAX_COMPONENTS 16

/* Whether the last components of the real name, as many as make up len bytes, lie below where a relative path starts. */
static __always_inline bool starts_above(struct scratch *s, struct task_struct *task, __u32 len)
{
	__s32 fd = s->spec.dir_arg < 6 ? (__s32)s->header.args[s->spec.dir_arg] : AT_FDCWD;
	struct file *file = file_of_fd(task, fd);
	struct path *start = file ? &file->f_path : &task->fs->pwd;
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

/* Whether the requested name is the real one, as it is nearly always: the path that was passed is it byte for byte, or
 * the end of it and starts in the folder that comes before. */
static __noinline bool requested_is_real(struct scratch *s, struct task_struct *task)
{
	struct view real;
	__u32 at, size;
	char *room;
	long len;

	if (!s)
		return false;
	room = section_room(s);
	real = s->facts.views[VIEW_NAME];
	size = real.len + 2; /* so that a longer path is seen to be one */
	if (!room || size > CHUNK)
		return false;
	len = bpf_probe_read_user_str(room, size, (void *)arg(s, s->spec.path_arg)) - 1;
	if (len <= 0 || len > real.len)
		return false;
	at = s->pos + sizeof(struct section);
	if (len == real.len)
		return is_same(s, at, real.at, len);
	return room[0] != '/' && starts_above(s, task, len) && is_same(s, at, real.at + real.len - len, len);
}

/* Switches filters to the next name of the event's file; false if it has none. */
static __always_inline bool see_next_name(struct scratch *s, struct task_struct *task)
{
	if (!s->names.mnt || s->facts.kind == FD_UNIX || options & OPTION_REQUESTED)
		return false; /* what a socket is called is not told to filters at all */
	if (s->names.name == NAME_REAL) {
		s->names.name = NAME_REQUESTED;
		gather_host(s, task);
		if (is_opening(s) && !requested_is_real(s, task)) {
			gather_paths(s, task);
			if (see_requested(s, task))
				return true;
		}
	}
	if (s->names.name == NAME_HOST || !s->names.host.len)
		return false;
	s->names.name = NAME_HOST;
	see_name(&s->facts, s->names.host.at, s->names.host.len, s->names.host_leaf);
	return true;
}

#endif
