/* The facts that an exec leaves behind: executable, session, terminal and capabilities. Also for processes that started
 * before the probe. */
#ifndef FALCOHOST_EXECED_BPF_H
#define FALCOHOST_EXECED_BPF_H

#include "fd.bpf.h"
#include "init_path.bpf.h"
#include "task.bpf.h"

#define CAP_DAC_OVERRIDE 1
#define SB_RDONLY 1
#define S_IMMUTABLE 8
#define TMPFS_MAGIC 0x01021994 /* of devtmpfs, too */
#define RAMFS_MAGIC 0x858458f6
#define NSEC 1000000000ULL
#define MAX_STACKED 2 /* mounts over each other at one place that are followed */
#define CTIME_QUERIED (1U << 31) /* since Linux 6.13: somebody has asked for the time */

static __always_inline void read_times(struct execed *e, struct inode *inode)
{
	struct inode___ts *ts = (void *)inode;
	struct inode___ts2 *ts2 = (void *)inode;
	struct inode___ts3 *ts3 = (void *)inode;

	if (bpf_core_field_exists(inode->i_ctime_sec)) {
		e->exe_ctime = READ(struct inode, inode, i_ctime_sec) * NSEC +
			       (READ(struct inode, inode, i_ctime_nsec) & ~CTIME_QUERIED);
		e->exe_mtime = READ(struct inode, inode, i_mtime_sec) * NSEC + READ(struct inode, inode, i_mtime_nsec);
	} else if (bpf_core_field_exists(ts3->__i_mtime)) {
		e->exe_ctime = BPF_CORE_READ(ts3, __i_ctime.tv_sec) * NSEC + BPF_CORE_READ(ts3, __i_ctime.tv_nsec);
		e->exe_mtime = BPF_CORE_READ(ts3, __i_mtime.tv_sec) * NSEC + BPF_CORE_READ(ts3, __i_mtime.tv_nsec);
	} else if (bpf_core_field_exists(ts2->__i_ctime)) {
		e->exe_ctime = BPF_CORE_READ(ts2, __i_ctime.tv_sec) * NSEC + BPF_CORE_READ(ts2, __i_ctime.tv_nsec);
		e->exe_mtime = BPF_CORE_READ(ts2, i_mtime.tv_sec) * NSEC + BPF_CORE_READ(ts2, i_mtime.tv_nsec);
	} else {
		e->exe_ctime = BPF_CORE_READ(ts, i_ctime.tv_sec) * NSEC + BPF_CORE_READ(ts, i_ctime.tv_nsec);
		e->exe_mtime = BPF_CORE_READ(ts, i_mtime.tv_sec) * NSEC + BPF_CORE_READ(ts, i_mtime.tv_nsec);
	}
}

/* Whether the process itself may write to its executable (by mode bits and capabilities, not by access control lists). */
static __always_inline bool may_write(const struct cred *cred, struct inode *inode)
{
	__u16 mode = READ(struct inode, inode, i_mode);
	struct super_block *sb = READ(struct inode, inode, i_sb);

	if (READ(struct super_block, sb, s_flags) & SB_RDONLY || READ(struct inode, inode, i_flags) & S_IMMUTABLE)
		return false;
	if (CAPS(cred, cap_effective) & (1ULL << CAP_DAC_OVERRIDE))
		return true;
	if (OF(cred, fsuid.val) == READ(struct inode, inode, i_uid.val))
		return mode & 0200;
	if (OF(cred, fsgid.val) == READ(struct inode, inode, i_gid.val))
		return mode & 0020;
	return mode & 0002;
}

static __always_inline bool is_memfd(struct file *file)
{
	struct dentry *dentry = READ(struct file, file, f_path.dentry);
	char name[6] = {};

	if (READ(struct dentry, dentry, d_parent) != dentry)
		return false;
	bpf_probe_read_kernel(name, sizeof(name), READ(struct dentry, dentry, d_name.name));
	return __builtin_memcmp(name, "memfd:", sizeof(name)) == 0;
}

/* Of mounts over each other, as of a second tmpfs on /tmp, the lowest. */
static __always_inline struct mount *lowest_mount(struct mount *mount)
{
	struct mount *below;

#pragma unroll
	for (int i = 0; i < MAX_STACKED; i++) {
		below = READ(struct mount, mount, mnt_parent);
		if (below == mount || READ(struct mount, mount, mnt_mountpoint) != READ(struct mount, below, mnt.mnt_root))
			return mount;
		mount = below;
	}
	return mount;
}

/* Whether a mount is /tmp, /var/tmp or /run below a root directory. */
static __always_inline bool is_usual_tmpfs(struct mount *mount, struct vfsmount *root)
{
	struct mount *lowest = lowest_mount(mount);
	struct dentry *at = READ(struct mount, lowest, mnt_mountpoint);
	struct dentry *folder = READ(struct dentry, at, d_parent);
	char name[4] = {}, above[4] = {};

	if (READ(struct mount, lowest, mnt_parent) != mount_of(root))
		return false;
	bpf_probe_read_kernel(name, sizeof(name), READ(struct dentry, at, d_name.name));
	if (READ(struct dentry, folder, d_parent) == folder)
		return !__builtin_memcmp(name, "tmp", sizeof(name)) || !__builtin_memcmp(name, "run", sizeof(name));
	bpf_probe_read_kernel(above, sizeof(above), READ(struct dentry, folder, d_name.name));
	folder = READ(struct dentry, folder, d_parent);
	return !__builtin_memcmp(above, "var", sizeof(above)) && !__builtin_memcmp(name, "tmp", sizeof(name)) &&
	       READ(struct dentry, folder, d_parent) == folder;
}

/* Whether a file is in a tmpfs or ramfs in an unusual place. A machine without disks has its root in one, and all its
 * programs. What init has mounted goes by where that is, whatever a container calls it. */
GLOBAL int is_in_tmpfs(__u64 leader)
{
	struct task_struct *init, *task = (void *)leader;
	struct file *file = READ(struct mm_struct, READ(struct task_struct, task, mm), exe_file);
	struct super_block *sb = READ(struct inode, READ(struct file, file, f_inode), i_sb);
	__u32 magic = READ(struct super_block, sb, s_magic);
	struct vfsmount *top;
	__u64 home;

	if (magic != TMPFS_MAGIC && magic != RAMFS_MAGIC)
		return false;
	init = READ(struct pid_namespace, pid_ns(NUMBER(struct task_struct, task, thread_pid), 0), child_reaper);
	top = READ(struct fs_struct, READ(struct task_struct, init, fs), root.mnt);
	if (sb == READ(struct vfsmount, top, mnt_sb))
		return false;
	home = home_mount(NUMBER(struct inode, READ(struct file, file, f_inode), i_sb),
			  NUMBER(struct nsproxy, READ(struct task_struct, init, nsproxy), mnt_ns));
	if (!home) {
		home = NUMBER(struct file, file, f_path.mnt);
		top = READ(struct fs_struct, READ(struct task_struct, task, fs), root.mnt);
	}
	return !is_usual_tmpfs(mount_of((void *)home), top);
}

static __always_inline void read_exe(struct execed *e, struct task_struct *task, struct file *exe)
{
	struct inode *inode = READ(struct file, exe, f_inode);
	struct super_block *sb = READ(struct inode, inode, i_sb);
	__u32 layer = overlay_layer(inode, READ(struct super_block, sb, s_magic));

	e->exe_ino = READ(struct inode, inode, i_ino);
	read_times(e, inode);
	if (may_write(OF(task, cred), inode))
		e->exe_flags |= EXE_WRITABLE;
	if (layer == LAYER_UPPER)
		e->exe_flags |= EXE_UPPER_LAYER;
	if (layer == LAYER_LOWER)
		e->exe_flags |= EXE_LOWER_LAYER;
	if (is_memfd(exe))
		e->exe_flags |= EXE_FROM_MEMFD;
	else if (is_in_tmpfs(NUMBER(struct task_struct, task, group_leader)))
		e->exe_flags |= EXE_FROM_TMPFS;
	e->exe_flags |= EXE_PLACE_KNOWN;
}

static __always_inline __u32 tty_of(struct task_struct *task)
{
	struct tty_struct *tty = OF(OF(task, signal), tty);
	struct tty_driver *driver;

	if (!tty)
		return 0;
	driver = OF(tty, driver);
	return encode_dev((OF(driver, major) << 20) + OF(driver, minor_start) + OF(tty, index));
}

static __always_inline __u64 bounds(struct task_struct *task)
{
	const struct cred *cred = READ(struct task_struct, task, cred);

	return CAPS(cred, cap_bset);
}

/* Whether a task may have every capability that the machine's init may have, and has no seccomp filter. */
static __always_inline bool is_unconfined(__u64 pid, struct task_struct *task)
{
	struct task_struct *init = READ(struct pid_namespace, pid_ns(pid, 0), child_reaper);

	if (READ(struct task_struct, task, seccomp.mode) != 0)
		return false;
	return !(bounds(init) & ~bounds(task));
}

static __always_inline void read_groups(struct execed *e, struct task_struct *task)
{
	__u64 session = PID_OF(task, PIDTYPE_SID), group = PID_OF(task, PIDTYPE_PGID);
	__u32 level = pid_level(PID(task));

	e->sid = pid_nr(session, 0);
	e->pgid = pid_nr(group, 0);
	e->vsid = pid_nr(session, level);
	e->vpgid = pid_nr(group, level);
}

static __always_inline void read_session(struct execed *e, struct task_struct *task)
{
	__u64 pid = PID(task);
	__u32 level = OF(OF(task, thread_pid), level);
	struct task_struct *init = READ(struct pid_namespace, pid_ns(pid, level), child_reaper);

	read_groups(e, task);
	e->pidns_start = READ(struct task_struct, init, start_boottime);
	e->unconfined = is_unconfined(pid, level ? init : task);
	if (level && pid_nr(pid, level) != 1 && !pid_level(PID(OF(task, real_parent))))
		e->exe_flags |= EXE_ENTERED;
}

static __always_inline void put_execed(struct scratch *s, struct task_struct *task)
{
	struct execed *e = section_room(s);
	const struct cred *cred = OF(task, cred);
	struct mm_struct *mm = OF(task, mm);
	struct file *exe = NULL;

	if (!e)
		return;
	__builtin_memset(e, 0, sizeof(*e));
	if (mm) {
		exe = OF(mm, exe_file);
		e->args_size = OF(mm, arg_end) - OF(mm, arg_start);
		e->env_size = OF(mm, env_end) - OF(mm, env_start);
	}
	if (exe)
		read_exe(e, task, exe);
	read_session(e, task);
	e->caps_permitted = CAPS(cred, cap_permitted);
	e->caps_inheritable = CAPS(cred, cap_inheritable);
	e->tty = tty_of(task);
	end_section(s, SEC_EXEC, sizeof(*e));
	if (exe)
		put_path(s, SEC_EXE, task, &exe->f_path);
}

#endif
