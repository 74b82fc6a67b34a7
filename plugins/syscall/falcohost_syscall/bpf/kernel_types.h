/* The kernel's own types, as far as the probe reads them.
 *
 * Only names and nesting matter: libbpf relocates every access to where the running kernel has the member (CO-RE). A type
 * with three underscores and a suffix is the same type in older or newer kernels.
 */
#ifndef FALCOHOST_KERNEL_TYPES_H
#define FALCOHOST_KERNEL_TYPES_H

#include <linux/types.h>
#include <stdbool.h>

struct task_struct;
struct pid_namespace;
struct dentry;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct { __u32 val; } kuid_t;
typedef struct { __u32 val; } kgid_t;
typedef struct { int counter; } atomic_t;

struct list_head { struct list_head *next, *prev; };
struct hlist_node { struct hlist_node *next; };
struct hlist_head { struct hlist_node *first; };
struct qstr { __u32 hash; __u32 len; const unsigned char *name; };

/* files */
struct file_system_type { const char *name; };
struct mount;
struct super_block {
	__u32 s_dev;
	unsigned long s_flags;
	unsigned long s_magic;
	struct dentry *s_root;
	struct mount *s_mounts; /* since 6.18 */
	void *s_fs_info;
};
struct super_block___listed { struct list_head s_mounts; };
struct timespec64 { long long tv_sec; long tv_nsec; };
struct inode {
	__u16 i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	unsigned int i_flags;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	__u32 i_rdev;
	__u32 i_generation;
	void *i_private;
	long long i_mtime_sec, i_ctime_sec; /* since 6.11 */
	__u32 i_mtime_nsec, i_ctime_nsec;
};
struct inode___ts { struct timespec64 i_mtime, i_ctime; };        /* up to 6.5 */
struct inode___ts2 { struct timespec64 i_mtime, __i_ctime; };     /* 6.6 */
struct inode___ts3 { struct timespec64 __i_mtime, __i_ctime; };   /* 6.7 to 6.10 */
struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	union { unsigned char string[32]; } d_shortname; /* since 6.14 */
	struct super_block *d_sb;
};
struct dentry___until_6_13 { unsigned char d_iname[32]; };
struct proc_ns_operations { const char *name; };
struct ns_common { const struct proc_ns_operations *ops; };
struct vfsmount { struct dentry *mnt_root; struct super_block *mnt_sb; };
struct rb_node { struct rb_node *rb_right; };
struct rb_root { struct rb_node *rb_node; };
struct mnt_namespace { struct rb_root mounts; }; /* since 6.8 */
struct mnt_namespace___listed { struct list_head list; };
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
	__u64 mnt_id_unique;           /* since 6.8 */
	struct rb_node mnt_node;       /* since 6.8 */
	struct mount *mnt_next_for_sb; /* since 6.18 */
};
struct mount___listed { struct list_head mnt_instance, mnt_list; };
struct path { struct vfsmount *mnt; struct dentry *dentry; };
struct file {
	unsigned int f_mode;
	unsigned int f_flags;
	struct inode *f_inode;
	void *private_data;
	struct path f_path;
	struct { struct { long counter; } refcnt; } f_ref; /* since 6.13 */
};
struct file___counted { struct { long counter; } f_count; };
struct backing_file { struct file file; }; /* since 6.5 */
struct bpf_map { __u32 id; };
struct bpf_prog_aux { __u32 id; };
struct bpf_prog { struct bpf_prog_aux *aux; };
struct bpf_link { __u32 id; };
struct fdtable { unsigned int max_fds; struct file **fd; unsigned long *open_fds; };
struct files_struct { atomic_t count; struct fdtable *fdt; unsigned int next_fd; };
struct fs_struct { struct path root, pwd; };

/* processes */
typedef struct { __u64 val; } kernel_cap_t;
struct user_namespace { struct user_namespace *parent; kuid_t owner; };
struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t euid;
	kgid_t egid;
	kuid_t fsuid;
	kgid_t fsgid;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective, cap_bset; /* since 6.3 one number */
	struct user_namespace *user_ns;
};
struct upid { int nr; struct pid_namespace *ns; };
struct proc_fs_info { struct pid_namespace *pid_ns; };
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID, PIDTYPE_MAX };
struct pid { unsigned int level; struct hlist_head tasks[PIDTYPE_MAX]; struct upid numbers[]; };
struct pid_namespace { struct task_struct *child_reaper; unsigned int level; };
struct rlimit { unsigned long rlim_cur, rlim_max; };
struct tty_driver { int major, minor_start; };
struct tty_struct { int index; struct tty_driver *driver; };
struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
	unsigned int is_child_subreaper : 1;
	unsigned int has_child_subreaper : 1;
	struct pid *pids[PIDTYPE_MAX];
	struct tty_struct *tty;
	int nr_threads;
	struct rlimit rlim[16];
};
struct percpu_counter { long long count; };
typedef struct { long counter; } atomic_long_t;
struct mm_rss_stat { atomic_long_t count[4]; };
struct mm_struct___before_6_2 { struct mm_rss_stat rss_stat; };
struct mm_struct {
	void *pgd;
	atomic_t mm_users;
	unsigned long total_vm;
	struct percpu_counter rss_stat[4]; /* since 6.2 */
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
};
struct seccomp { int mode; };
struct thread_info {
	unsigned long flags;
	__u32 status; /* x86 */
};
struct css_set;
struct sifields_kill { int _pid; };
union __sifields { struct sifields_kill _kill; };
struct kernel_siginfo { int si_code; union __sifields _sifields; };
struct nsproxy { struct mnt_namespace *mnt_ns; };
struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	struct mm_struct *mm;
	int exit_state, exit_code;
	int pid, tgid;
	struct task_struct *real_parent, *group_leader;
	struct pid *thread_pid;
	struct hlist_node pid_links[PIDTYPE_MAX];
	__u64 start_boottime;
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	kuid_t loginuid;
	struct seccomp seccomp;
	unsigned long maj_flt, min_flt;
	int pagefault_disabled;
	struct css_set *cgroups;
	void *io_uring;
};
struct linux_binprm {
	const char *filename;
	const char *fdpath;
};

/* cgroups */
struct kernfs_node {
	struct kernfs_node *__parent;
	const char *name;
	__u64 id;
};
struct kernfs_node___before_6_15 { struct kernfs_node___before_6_15 *parent; };
struct cgroup_root;
struct cgroup { struct kernfs_node *kn; struct cgroup_root *root; };
struct cgroup_subsys { const char *name; };
struct cgroup_subsys_state { struct cgroup *cgroup; struct cgroup_subsys *ss; };
struct css_set { struct cgroup_subsys_state *subsys[16]; struct cgroup *dfl_cgrp; };
enum cgroup_subsys_id { CGROUP_SUBSYS_COUNT = 16 };

/* sockets */
struct in6_addr { __u8 bytes[16]; };
struct sock_common {
	unsigned long skc_flags;
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	unsigned char skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sock { struct sock_common __sk_common; __u16 sk_protocol, sk_type; __u32 sk_ack_backlog, sk_max_ack_backlog; };
enum sock_flags { SOCK_RCU_FREE = 26 };
struct socket { short type; struct sock *sk; };
struct sockaddr_un { unsigned short sun_family; char sun_path[108]; };
struct unix_address { int len; struct sockaddr_un name[]; };
struct unix_sock { struct sock sk; struct unix_address *addr; struct path path; struct sock *peer; };

/* io_uring: the operands of a request are at its beginning */
struct io_cqe { __u64 user_data; __s32 res; int fd; };
struct io_rsrc_node { unsigned long file_ptr; };
struct io_rsrc_data { struct io_rsrc_node **nodes; };
struct io_file_table { struct io_rsrc_data data; unsigned int alloc_hint; };
struct io_ring_ctx { struct io_file_table file_table; };
struct io_file_table___before_6_13 { void *files; };
struct io_ring_ctx___before_6_13 { struct io_file_table___before_6_13 file_table; };
struct io_kiocb { struct file *file; __u8 opcode; __u32 flags; struct io_cqe cqe; struct io_ring_ctx *ctx; void *async_data; };
struct msghdr { void *msg_name; int msg_namelen; };
struct sockaddr_storage { __u16 ss_family; };
struct io_async_msghdr { struct msghdr msg; struct sockaddr_storage addr; };
struct io_async_connect { struct sockaddr_storage address; }; /* before 6.10 */
struct filename { const char *name; };
struct open_how { __u64 flags, mode, resolve; };
struct io_open { int dfd; __u32 file_slot; struct filename *filename; struct open_how how; };
struct io_unlink { int dfd; int flags; struct filename *filename; };
struct io_rename { int old_dfd, new_dfd; struct filename *oldpath, *newpath; int flags; };
struct io_mkdir { int dfd; __u16 mode; struct filename *filename; };
struct io_link { int old_dfd, new_dfd; struct filename *oldpath, *newpath; int flags; };
struct delayed_filename { struct filename *__incomplete_filename; }; /* since 7.0 */
struct io_open___since_7_0 { struct delayed_filename filename; };
struct io_unlink___since_7_0 { struct delayed_filename filename; };
struct io_rename___since_7_0 { struct delayed_filename oldpath, newpath; };
struct io_mkdir___since_7_0 { struct delayed_filename filename; };
struct io_link___since_7_0 { struct delayed_filename oldpath, newpath; };
struct io_xattr___since_7_0 { struct delayed_filename filename; };
struct io_connect { void *addr; int addr_len; };
struct io_accept { void *addr; int *addr_len; int flags; __u32 iou_flags, file_slot; };
struct io_bind { int addr_len; };
struct io_listen { int backlog; };
struct io_shutdown { int how; };
struct io_close { int fd; __u32 file_slot; };
struct io_uring_cqe;
typedef void (*btf_trace_io_uring_complete___cqe)(void *, struct io_ring_ctx *, void *, struct io_uring_cqe *);
struct xattr_name { char name[256]; };
struct kernel_xattr_ctx { struct xattr_name *kname; };
struct io_xattr { struct kernel_xattr_ctx ctx; struct filename *filename; };
struct io_splice { __u64 len; int splice_fd_in; unsigned int flags; };
struct io_socket { int domain, type, protocol; __u32 file_slot; };
struct io_sr_msg { void *buf; int len; unsigned int msg_flags; __u16 flags; };
struct io_rw { __u64 addr; __u32 len; };

/* tracing */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long bp, bx, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__u64 regs[31];
	__u64 orig_x0, pc;
	__s32 syscallno;
};
#endif
struct seq_file;
struct bpf_iter_meta { struct seq_file *seq; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };

#pragma clang attribute pop

#endif
