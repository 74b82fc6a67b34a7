/* One row of the call table: how the probe reads the arguments of one system call, and what is asked of it. User space fills it from
 * calls/rows.py, indexed by the number of the call (32-bit calls: + COMPAT_BASE). call == 0: nobody asks for it. */
#ifndef FALCOHOST_CALL_SPEC_H
#define FALCOHOST_CALL_SPEC_H

#include <linux/types.h>

#define COMPAT_BASE 512
#define MAX_NR 1024
#define NO_ARG 0xff

enum want {
	WANT_FD = 1,         /* SEC_FD + SEC_FDPATH/SEC_SOCK/… of the fd in args[fd_arg] (fd_arg == RET_ARG: the return value) */
	WANT_PATH = 2,       /* SEC_PATH from args[path_arg]; SEC_DIR from args[dir_arg] or the working directory */
	WANT_PATH2 = 4,
	WANT_SOCKADDR = 8,   /* SEC_SOCKADDR from args[addr_arg], length args[addr_arg + 1] */
	WANT_MSGHDR = 16,    /* args[addr_arg] is a struct msghdr: SEC_SOCKADDR from msg_name, its buffers as WANT_IOV */
	WANT_CWD = 32,
	WANT_DATA = 64,      /* SEC_DATA from args[data_arg], up to ret bytes, at most settings.snaplen */
	WANT_STR = 128,      /* SEC_STR from args[str_arg] */
	WANT_PAIR = 256,     /* SEC_PAIR from args[str_arg]; SEC_FD and SEC_SOCK of the first */
	WANT_HOW = 512,      /* openat2: args[2] is a struct open_how; args[3..5] become flags, mode, resolve */
	WANT_FAILED_ONLY = 1024, /* execve, execveat: success is written by the exec tracepoint, args/filename from user memory */
	WANT_SUCCESS_ONLY = 2048,
	WANT_STRUCT = 4096,  /* SEC_STRUCT from args[str_arg] */
	WANT_IOV = 8192,     /* args[data_arg] are args[data_arg + 1] buffers: SEC_DATA; args[5] becomes their total size */
	WANT_MESSAGES = 16384, /* args[addr_arg] are ret structs mmsghdr: a record for each, as WANT_MSGHDR; ret is its length */
	WANT_CAPS = 32768,
	WANT_CONTROL = 65536, /* SEC_CONTROL of each struct msghdr */
	WANT_SENDER = 131072, /* SEC_SOCKADDR from args[addr_arg], length at the address in args[addr_arg + 1] */
	WANT_QUEUE = 262144, /* SEC_QUEUE of args[0] */
	WANT_BUFFER = 524288, /* SEC_DATA from args[data_arg], args[data_arg + 1] bytes, whatever the call returned */
	WANT_REACHED = 1048576, /* SEC_REALPATH and the others, where the kernel let us find them */
	WANT_ENTERED = 2097152, /* what lies in the caller's memory, and the file of its descriptor, are read when the call begins,
	                           too, and compared */
	WANT_FREQUENT = 8388608, /* with WANT_ENTERED: only of processes with several threads, or that share memory or descriptors so */
	WANT_MADE = 4194304, /* the first member of the structure are flags, which the kernel has told of the new process */
	WANT_SENTINEL = 16777216, /* the agent's own call that shows whether events arrive: also of ignored processes, without
	                             budget and context; its filter lets no other pass */
	WANT_ATTRIBUTE = 33554432, /* with WANT_ENTERED: the string is the name of an attribute, which the kernel's hook has, too */
	WANT_BEGIN = 67108864, /* the event is made when the call begins, since its file is gone when it returns (close) */
	WANT_NAMED = 134217728, /* set by the probe itself: the thread gets the name that lies in args from NAMED_AT on */
	WANT_LATELY = 268435456, /* only since a moment ago: threads may be in calls that its program does not run for */
	WANT_BY_FUNCTION = 536870912, /* seen by the kernel's function for it, not by the tracepoint */
	WANT_FILE = 1073741824, /* set by the probe itself: the file is not looked up by the descriptor's number */
	WANT_TAKEN = 2147483648, /* args[0] is the pidfd of a process: args[TAKEN_AT] becomes its pid in the host's pid namespace */
};
#define RET_ARG 0xfe
#define NAMED_AT 4
#define TAKEN_AT 3
/* With WANT_REACHED: how the file of the first path is found when the call returns; LEFT_NOTHING: at the kernel's hooks. */
enum left { LEFT_NOTHING, LEFT_ROOT, LEFT_MOUNT };
#define STRUCT_SIZE 32

/* What is read of the caller's memory for SEC_VALUE and the others: size bytes, from where args[arg] points to; by: times that
 * argument, or times the number to which it points (VALUE_AT); or a text (VALUE_TEXT). */
#define VALUE(arg, size, by) ((arg) | (size) << 8 | (by) << 16)
#define VALUE_ONCE 0xff
#define VALUE_TEXT 0xfe
#define VALUE_AT 8

struct call_spec {
	__u32 call;
	__u32 want;
	__u8 fd_arg, path_arg, dir_arg, path2_arg, dir2_arg, addr_arg, data_arg, str_arg;
	__u8 flags_arg; /* for filters only: the flags of open(2) */
	__u8 about;     /* for filters only: what they ask of processes: see ABOUT_NAMES */
	__u8 pid_arg;   /* the process that the call is about; its context is sent too */
	__u8 left;      /* enum left */
	__u8 asks;      /* ASKS_* of facts.h */
	__u8 folders;   /* filters may leave out whole folders of opens with these access modes (1 << O_RDONLY …): folders.bpf.h */
	__u8 sort_arg;  /* the argument that says what sort of call it is, and by which filters leave out most, or NO_ARG */
	__u8 pad;
	__u32 value_arg, value2_arg, value3_arg; /* VALUE(…); NO_ARG: none */
	__u32 pad2;
	__u64 sorts;    /* for filters only: which values that argument may have: facts/sorts.py */
	__u64 leaves;   /* for filters only: the last components that a descriptor's file may have: facts/leaves.py */
};

/* What filters ask about processes: of how many generations, beginning with the process itself, the name and pid (one more
 * than GENERATIONS: whether there are more); from a further bit on, of how many executable and arguments. */
#define ABOUT_NAMES 15
#define ABOUT_TEXTS_AT 4
#define ABOUT_ALL 255

#endif
