/* The records that the probe writes into the ring: a header, then sections. `make` writes records/record.py from this.
 *
 * A record is `struct header`, followed by sections up to its end. A section is `struct section` and its data, without
 * padding: the next one begins right behind it. All numbers are in the machine's byte order.
 */
#ifndef FALCOHOST_RECORD_H
#define FALCOHOST_RECORD_H

#include <linux/types.h>

/* header.kind: what happened. Exits of system calls carry KIND_CALL, and in `call` the row of calls/rows.py. */
enum kind {
	KIND_CALL = 1,   /* a system call returned; args[] and ret are its own */
	KIND_FORK = 2,   /* a process or thread was created; written by the parent, ids of the child in struct forked */
	KIND_EXEC = 3,   /* an exec succeeded */
	KIND_EXIT = 4,   /* a thread ended; args[0] = exit code, args[1] = 1 if its process ended, args[2] = new parent's pid,
	                    args[3] = 1 if user space knows the process, which ended */
	KIND_CGROUP = 5, /* the paths behind a cgroup key that was not seen before (sections SEC_CGROUP) */
	KIND_TASK = 6,   /* the context of a process, before an event that needs it or from the task iterator: args[0] = start of
	                    its parent (ppid 0: not sent), args[1] = 1 if the kernel has its struct process (task iterator) */
	KIND_MORE = 7,   /* more of a process's arguments (SEC_MORE_ARGS) or environment (SEC_MORE_ENV), in several sections, before
	                    the record that needs it: args[0] = time of its exec, args[1] = where in the text this begins,
	                    args[2] = the text's size */
};

enum flag {
	FLAG_COMPAT = 1,     /* 32-bit call */
	FLAG_NEWTHREAD = 2,  /* KIND_FORK: the child is a thread of the same process */
	FLAG_CUT = 4,        /* something did not fit and was cut, and is in no other record either */
	FLAG_UNREADABLE = 8, /* user memory that was paged out: a path or address is missing */
	FLAG_OTHER_NAME = 16, /* there is a SEC_HOSTPATH, SEC_HOSTDIR, SEC_REALHOST, the second of these, or SEC_WATCHED */
	FLAG_URING = 32,     /* requested through io_uring */
	FLAG_UNFINISHED = 64, /* the end of such a request will not be seen: it counts as successful */
	FLAG_SOCKET_FILE = 128, /* SEC_FDPATH is of the file of an AF_UNIX socket */
	FLAG_REPLACED = 1024, /* another thread closed the descriptor of the call, or put another file in its place, meanwhile */
	FLAG_UNCOMPARED = 512, /* what the caller passed in its memory could not be compared with what it was when the call began */
	FLAG_REWRITTEN = 256, /* what the caller passed in its memory was another when the call began: SEC_ENTERED_PATH … */
};

struct header {
	__u64 ts;        /* CLOCK_BOOTTIME, ns */
	__u64 start;     /* start time (boottime, ns) of the process (its group leader) */
	__u64 cgroup;    /* key of the task's cgroups; its paths come in a KIND_CGROUP record before */
	__u64 caps;      /* effective capabilities */
	__s64 ret;       /* return value of the call */
	__u64 args[6];   /* arguments of the call, as passed */
	__u32 pid;       /* tgid in the host's pid namespace */
	__u32 tid;
	__u32 ppid;      /* tgid of the real parent */
	__u32 vpid;      /* tgid in the task's own pid namespace */
	__u32 vtid;
	__u32 uid;       /* effective uid and gid (Falco: user.uid is euid) */
	__u32 gid;
	__u32 loginuid;  /* 0xffffffff: unset */
	__u16 kind;
	__u16 call;      /* row number in calls/rows.py (KIND_CALL and KIND_EXEC: that of execve, as in Falco) */
	__u16 cpu;
	__u16 flags;
	char comm[16];   /* of the thread */
};

struct section {
	__u16 tag;
	__u16 len;
};

enum tag {
	SEC_PATH = 1,     /* first path argument, as passed, without NUL */
	SEC_PATH2 = 2,    /* second path argument */
	SEC_DIR = 3,      /* path of the dirfd beside the first path; without one, and if the path is relative, of the working
	                     directory; both from the process's root */
	SEC_DIR2 = 4,     /* the same for the second path */
	SEC_FD = 5,       /* struct fdinfo of the call's file descriptor */
	SEC_FDPATH = 6,   /* path of that file from the process's root (dentry walk), or "pipe:[inode]" and the like: dentry name;
	                     as all paths from dentries, <CUT> and its end if it is too long */
	SEC_SOCK = 7,     /* struct sockinfo of that file descriptor, if it is a socket */
	SEC_UNIX = 8,     /* own path of an AF_UNIX socket, abstract ones with their leading NUL */
	SEC_UNIXPEER = 9, /* the peer's */
	SEC_SOCKADDR = 10,/* address that the caller passed (connect, bind, sendto, sendmsg) or received (recvfrom, recvmsg), raw
	                     struct sockaddr, <= 128 bytes */
	SEC_DATA = 11,    /* first bytes of the buffer (or of the buffers together) that was read or written */
	SEC_CWD = 12,     /* working directory of the process */
	SEC_FORK = 13,    /* struct forked */
	SEC_EXEC = 14,    /* struct execed */
	SEC_EXE = 15,     /* path of the executable (mm->exe_file) */
	SEC_FILENAME = 16,/* bprm->filename, as passed */
	SEC_ARGS = 17,    /* argv, NUL-separated, <= 4096 bytes (as Falco) */
	SEC_ENV = 18,     /* environment, NUL-separated, its first 4096 bytes */
	SEC_CGROUP = 19,  /* "subsys=path" ("" for cgroup v2), one for each hierarchy whose path is not "/"; in KIND_CGROUP and KIND_TASK */
	SEC_STR = 20,     /* an additional string argument (mount type, module parameters …) */
	SEC_PAIR = 21,    /* two __s32: pipe(2), socketpair(2) */
	SEC_STRUCT = 22,  /* first STRUCT_SIZE bytes of a structure that was passed, as they are when the call returns */
	SEC_CAPS = 23,    /* struct caps of the thread when the call returns; the effective ones are in the header */
	SEC_CONTROL = 24, /* control data that recvmsg(2) received */
	SEC_HOSTPATH = 25,/* path by which the machine's init reaches the file of SEC_FDPATH, if it differs */
	SEC_HOSTDIR = 26, /* the same for the directory at which the first path starts (the process's root, if it is absolute), */
	SEC_HOSTDIR2 = 27,/* and the second */
	SEC_QUEUE = 28,   /* struct queue of the socket from which accept(2) took a connection */
	SEC_PROCESS = 29, /* struct process; SEC_EXE, SEC_ARGS and SEC_ENV too if they are in its struct large_image */
	SEC_WATCHED = 30, /* the text of the file's struct watched_file */
	SEC_REALPATH = 31, /* the file that the first path led to, and the second, if the call leaves none behind: paths from the */
	SEC_REALPATH2 = 32,/* process's root as SEC_FDPATH, found while the call was under way (reached.bpf.h) */
	SEC_REALHOST = 33, /* and by which path the machine's init reaches it, if that differs */
	SEC_REALHOST2 = 34,
	SEC_MORE_ARGS = 35, /* in KIND_MORE */
	SEC_MORE_ENV = 36,
	SEC_ENTERED_PATH = 37,  /* SEC_PATH, SEC_PATH2 and SEC_STR as they were when the call began, if they are not the same any */
	SEC_ENTERED_PATH2 = 38, /* more (FLAG_REWRITTEN), and were not longer than ENTERED_KEPT */
	SEC_ENTERED_STR = 39,
	SEC_RESOURCES = 40, /* struct resources of the process when the event was sent */
	SEC_FD_TYPES = 41,  /* one bit (enum fd_type) for each type that its descriptors have, of the first DESCRIPTORS_TOLD; __u32 */
	SEC_OF_FD = 42,     /* struct of_fd of one descriptor of the process; what follows up to the next is of it, too: */
	SEC_OF_FD_PATH = 43,/* as SEC_FDPATH, SEC_SOCK, SEC_UNIX and SEC_UNIXPEER */
	SEC_OF_FD_SOCK = 44,
	SEC_OF_FD_UNIX = 45,
	SEC_OF_FD_UNIXPEER = 46,
	SEC_VALUE = 47,     /* what lies where the first of call_spec.values says; the others follow */
	SEC_VALUE2 = 48,
	SEC_VALUE3 = 49,
};
#define ENTERED_KEPT 256

/* Who makes calls of one kind: a user, or root's processes in one cgroup (the header's uid, or cgroup). */
struct caller {
	__u64 who;
	__u32 call;
	__u32 by_user;
};
#define UNMATCHED_FOR 20000000000ULL /* ns: the longest time for which it holds that hardly any of them match */

struct fdinfo {
	__u64 ino;
	__u32 mode;      /* i_mode */
	__u32 dev;       /* new_encode_dev(sb->s_dev) */
	__u32 magic;     /* sb->s_magic */
	__u32 layer;     /* overlayfs: 1 upper, 2 lower; 0 not on overlayfs */
	__u32 fmode;     /* file->f_mode; FMODE_CREATED = 0x100000 */
	__u32 bpf_id;    /* of a map, program or link of BPF: the id that bpf(2) knows it by; else 0 */
};

struct of_fd {
	__s32 number;
	__u32 pad;
	struct fdinfo info;
};

/* Of the types that fd.types tells apart. */
enum fd_type {
	TYPE_OTHER, TYPE_FILE, TYPE_DIRECTORY, TYPE_PIPE, TYPE_IPV4, TYPE_IPV6, TYPE_UNIX, TYPE_NETLINK, TYPE_EVENT, TYPE_SIGNALFD,
	TYPE_EVENTPOLL, TYPE_INOTIFY, TYPE_TIMERFD, TYPE_BPF, TYPE_USERFAULTFD, TYPE_IO_URING, TYPE_MEMFD, TYPE_PIDFD, TYPES,
};
#define DESCRIPTORS_TOLD 4096

struct resources {
	__u64 size, resident, swapped; /* of its memory, in pages */
	__u64 major, minor;            /* page faults of the thread */
	__u64 fd_limit;
	__u32 fds, threads;            /* open descriptors, living threads */
};

struct sockinfo {
	__u16 family;
	__u16 type;
	__u16 protocol;
	__u16 state;     /* TCP_* */
	__u16 lport;     /* host byte order */
	__u16 rport;
	__u32 accepted;  /* 1: a listener with a backlog accepted the connection */
	__u8 laddr[16];  /* IPv4: first four bytes */
	__u8 raddr[16];
	__u64 ino;       /* of the socket */
	__u64 sk;        /* AF_UNIX: address of the kernel's object for this end, and for the peer's, or 0 */
	__u64 peer;
};

struct forked {
	__u32 pid, tid, vpid, vtid;
	__u64 start;     /* of the child's process */
	__u32 ppid;      /* real parent of the child (CLONE_PARENT!) */
	__u32 pad;
};

struct queue {
	__u32 length, most;
};

struct caps {
	__u64 permitted, inheritable;
};

struct execed {
	__u64 exe_ino;
	__u64 exe_ctime; /* ns since the epoch */
	__u64 exe_mtime;
	__u64 pidns_start; /* start (boottime, ns) of the init of the task's pid namespace */
	__u64 caps_permitted, caps_inheritable;
	__u32 sid, pgid;   /* in the host's pid namespace */
	__u32 vsid, vpgid; /* in the task's own */
	__u32 tty;         /* tty_devnum(signal->tty), 0 none */
	__u32 exe_flags;   /* EXE_* */
	__u32 unconfined; /* 1: the init of its pid namespace (in the host's: the task) has the bounding set of the machine's init and no seccomp */
	__u32 args_size, env_size; /* of all arguments and of the whole environment, in bytes; 0: not known */
	__u32 pad;
};

enum exe_flag {
	EXE_WRITABLE = 1,
	EXE_UPPER_LAYER = 2,
	EXE_LOWER_LAYER = 4,
	EXE_FROM_MEMFD = 8,
	EXE_ENTERED = 16, /* in a pid namespace that it did not begin, the child of a process in the machine's: it came from outside */
	EXE_FROM_TMPFS = 32, /* in a tmpfs or ramfs, not the machine's root, /tmp, /var/tmp or /run */
	EXE_PLACE_KNOWN = 64, /* EXE_FROM_TMPFS is right; captures do not have it */
};

/* The cached context of each process, by pid. User space writes it for processes that started before the probe. */
#define EXE_KEPT 256  /* longer paths and arguments are in struct large_image as well */
#define ARGS_KEPT 512

struct process {
	__u64 start;       /* of the process; 0: not known exactly, as /proc rounds it */
	__u64 exec_ts;     /* time of its last exec; 0: before the probe */
	__u64 told_of;     /* start of the process whose context was sent; the memory may have been another's before */
	__u64 named;       /* start and seq of the context that was sent by pid */
	__u64 told_ts;     /* time of the record with its context */
	__u64 told_start;  /* its parent's start, as sent */
	__u64 told_cwd[2]; /* mount and directory entry of its working directory, as sent */
	__u64 checked;     /* the generation in which its ancestors' contexts were up to date */
	__u64 checked_ts;  /* time of the latest record with a context of theirs */
	__u32 seq;         /* number of its image, odd while that is being written */
	__u32 told_seq;    /* the one that was sent */
	__u32 told_ppid, told_sid, told_pgid;
	__u16 exe_len, args_len; /* NOT_KEPT: unknown */
	__u16 arg0_len;    /* of the first argument, without NUL */
	__u8 comm_len;
	__u8 known;        /* user space has an entry for it, so its exit has to be sent */
	__u8 has_image;    /* what follows is known */
	__u8 large;        /* there is a struct large_image */
	__u8 pad[2];
	struct execed execed;
	char comm[16];
	char exe[EXE_KEPT];
	char args[ARGS_KEPT];
};
#define NOT_KEPT 0xffff

struct large_image {
	__u64 payer; /* the user or cgroup whose quota it takes; 0: nobody's */
	__u32 payer_kind;
	__u32 env_len;
	char exe[4096];
	char args[4096];
	char env[4096];
};

/* The identity of a file, whatever its names. */
struct inode_id {
	__u64 ino;
	__u32 dev;        /* sb->s_dev */
	__u32 generation; /* changes when the number is reused for another file */
};

/* A watched file, with the paths by which rules know it: in text, each terminated by NUL. */
#define MAX_WATCHED 4096
#define WATCHED_NAMES 4
#define WATCHED_TEXT 1024
struct watched_name {
	__u16 at, len;
	__u16 leaf; /* length of its last component */
};
struct watched_file {
	struct watched_name names[WATCHED_NAMES];
	__u32 size; /* used bytes of text */
	__u32 pad;
	char text[WATCHED_TEXT];
};

#define IGNORED_HINTS 4096
#define WAITING_HINTS 4096

/* Events that are no calls (moments.bpf.c). */
enum moment { MOMENT_SIGNAL, MOMENT_SWITCH, MOMENT_FAULT, MOMENTS };

/* Settings that user space makes before the probe is loaded. */
struct settings {
	__u64 ring_bytes;      /* size of the ring of calls */
	__u32 execve;          /* its row in calls/rows.py: header.call of KIND_EXEC */
	__u32 procexit;        /* and of KIND_EXIT */
	__u32 functions;       /* 1: calls may be seen by the kernel's functions */
	__u32 installs;        /* 1: the program at fd_install is loaded */
	__u64 secret[2];       /* random: nobody can choose two texts with the same hash */
	__u32 snaplen;         /* bytes of data that are sent (SEC_DATA), at most those of one section */
	__u32 proc_ring_bytes; /* size of the ring of processes */
};

/* Settings that it may change at any time: bits of the variable `options`. */
enum option {
	OPTION_THREADS = 1,  /* KIND_FORK and KIND_EXIT of threads too, not only of processes */
	OPTION_EXEC_CWD = 2, /* SEC_CWD in KIND_EXEC */
	OPTION_EXEC_ENV = 4, /* SEC_ENV in KIND_EXEC */
	OPTION_MEASURE = 8,  /* the time that each call costs: struct call_count */
	OPTION_REQUESTED = 16, /* a file has only one name, the requested one */
	OPTION_ALL_PROCESSES = 32, /* KIND_FORK, KIND_EXEC and KIND_EXIT of all, and KIND_TASK of none */
	OPTION_SESSIONS = 64, /* KIND_TASK again when session or group have changed, and of their leaders */
	OPTION_EXECVE = 128, OPTION_EXIT = 256, /* KIND_EXEC and KIND_EXIT that pass the filters */
	OPTION_WATCHED = 512, /* watched files have their names whatever link opened them */
	OPTION_MORE_ARGS = 1024, /* KIND_MORE of arguments; of the environment with OPTION_EXEC_ENV */
};

/* From these bits on: the same, for the filters of execs and of exits. */
#define ABOUT_EXEC_AT 16
#define ABOUT_EXIT_AT 24
/* From this bit on: what of ASKS_PRESENT is told of execs and exits, without its lowest bits. */
#define PRESENT_AT 11

/* Per row of calls/rows.py and per CPU. While costs are measured also for what no rule asks for: row 0 calls, the others below. */
#define MAX_CALLS 512
enum count_row { COUNT_FORKS = MAX_CALLS, COUNT_EXECS, COUNT_EXITS, COUNT_ROWS };
struct call_count {
	__u64 seen;    /* returns of the call while somebody wanted it */
	__u64 passed;  /* records that went into the ring */
	__u64 lost;    /* records for which it had no room; the rest of seen was filtered out */
	__u64 timed;   /* calls that were measured, and what the probe took for them, in ns */
	__u64 ns;
};

/* Why something was lost; index of the per-CPU counters. */
enum lost {
	LOST_RING_FULL,        /* ring of calls */
	LOST_PROC_RING_FULL,   /* ring of fork, exec, exit */
	LOST_FLOOD,            /* calls and execs of a process that had spent its budget */
	LOST_SCRATCH,          /* no scratch memory */
	LOST_UNREADABLE,       /* user memory was paged out: event sent without it */
	LOST_CUT,              /* did not fit: event sent cut */
	LOST_REAL_NAME,        /* of a path, not found or not kept: event sent without it */
	LOST_MORE,             /* KIND_MORE of a process that had spent its budget: event sent without it */
	LOST_MAX,
};

#endif
