/* What the filters that are generated from the rules read beside the record's header; `make` writes records/record.py from
 * it. A filter takes what is not known for whatever lets the event pass. */
#ifndef FALCOHOST_FACTS_H
#define FALCOHOST_FACTS_H

#include <linux/types.h>

/* Where a text is: offset of its first byte in the record, and its length or one of these. */
#define VIEW_LONGEST 4096
#define VIEW_UNKNOWN 0xffff
#define VIEW_NO_SLASH 0xfffe /* there is one, which has no slash; more is not told */
#define VIEW_ABSENT 0xfffd
#define VIEW_BEGIN 0xfffb /* there is one, of BEGIN_TOLD bytes or more, of which those are told */
#define BEGIN_TOLD 256
#define VIEW_ENDS 0xfffc /* there is one, which is empty or begins with a hexadecimal digit; more is not told */

struct view {
	__u16 at, len;
};

enum view_index {
	VIEW_NAME,      /* the path of the descriptor's file (fd.name) */
	VIEW_DIRECTORY, /* its directory (fd.directory) and its last part (fd.filename), where rules have them */
	VIEW_FILENAME,
	VIEW_PATH,      /* the path arguments, as passed */
	VIEW_PATH2,
	VIEW_STR,       /* the further string argument */
	VIEW_SEEN,      /* the path arguments under the name by which the event is seen */
	VIEW_SEEN2,
	VIEW_FOLDER, /* what is before the last part of a path, with the slash; for filters of folders only */
	VIEWS,
};

/* What is told of the process, its parent, and so on; gathered last. */
#define GENERATIONS 8

enum process_text {
	TEXT_EXEPATH,
	TEXT_EXE, /* the zeroth argument; then the others alone, and behind the name */
	TEXT_ARGS,
	TEXT_CMDLINE,
	PROCESS_TEXTS,
};

enum process_view {
	VIEW_PROCESS_NAME,
	VIEW_PROCESS_TEXTS = GENERATIONS, /* all of the process, all of its parent, and so on */
	PROCESS_VIEWS = GENERATIONS * (1 + PROCESS_TEXTS),
};

enum lineage { LINEAGE_UNKNOWN, LINEAGE_WHOLE, LINEAGE_LONGER }; /* whether there are no further ancestors */

enum fd_kind { FD_UNKNOWN, FD_NONE, FD_FILE, FD_DIRECTORY, FD_PIPE, FD_IPV4, FD_IPV6, FD_UNIX, FD_NETLINK };
enum l4proto { L4_UNKNOWN, L4_TCP, L4_UDP, L4_ICMP, L4_RAW, L4_NONE };
#define UNKNOWN_NUMBER 0xffffffff
enum ip { IP_UNKNOWN, IP_YES, IP_NO };
enum addressed { ADDRESSED_UNKNOWN, ADDRESSED_YES, ADDRESSED_NO };
enum made { MADE_UNKNOWN, MADE_YES, MADE_NO };
enum connected { CONNECTED_UNKNOWN, CONNECTED_YES, CONNECTED_NO, CONNECTED_ACCEPTED }; /* accepted: sockinfo.accepted, too */
enum led_to { LED_TO = 1, LED_TO2 = 2 }; /* of VIEW_SEEN and VIEW_SEEN2: it is what the path led to, and not what was passed */
#define UNCONFINED 0x10000 /* in exe_flags: execed.unconfined */
#define UNKNOWN_BITS (-1ULL)

/* What call_spec.asks has, beside names that are told anyway. */
#define ASKS_REQUESTED 1
#define ASKS_ENVIRONMENT 2 /* of the process; that of an exec is told anyway */
/* What is collected of events that have passed the filters, if rules ask for it (present.bpf.h). */
#define ASKS_RESOURCES 4
#define ASKS_STREAMS 8   /* standard input, output and error */
#define ASKS_FD_TYPES 16 /* of all descriptors */
#define ASKS_VALUES 32   /* call_spec.values */
#define ASKS_POLLED 64   /* the descriptors in the first value, structs pollfd */
#define ASKS_PRESENT (ASKS_RESOURCES | ASKS_STREAMS | ASKS_FD_TYPES | ASKS_VALUES | ASKS_POLLED)
#define ASKED_OF_PROCESSES_AT 2 /* the first three of these */
#define ASKED_OF_PROCESSES 7

/* The names of the event's file, whatever that is by which it is seen; told with the caller's memory. */
struct file_names {
	struct view real, host, watched;
	struct view requested; /* with ASKS_REQUESTED */
};

struct facts {
	struct view views[VIEWS];
	__u8 local[16];  /* the socket's own end and the other, IPv4 mapped into IPv6 */
	__u8 remote[16];
	__u16 lport, rport;
	__u8 kind;       /* enum fd_kind: what the descriptor leads to; FD_NONE: to nothing */
	__u8 l4proto;    /* enum l4proto */
	__u8 ip;         /* enum ip: whether the two ends above are addresses */
	__u8 lineage;    /* enum lineage */
	__u32 tty;       /* of the process's terminal; UNKNOWN_NUMBER */
	__u32 exe_flags; /* EXE_*; UNKNOWN_NUMBER */
	struct view process[PROCESS_VIEWS];
	__u32 pids[GENERATIONS]; /* 0: none; UNKNOWN_NUMBER */
	__u32 flags;     /* argument flags_arg of the call: where it is differs between calls that rules take for one */
	__u8 addressed;  /* enum addressed: whether an address was passed or got */
	__u8 connected;  /* enum connected: the socket, as it is */
	__u8 led_to;
	__u8 made;       /* enum made: whether the call made the file */
	struct file_names names;
	struct view environment; /* with a zero behind each variable; with ASKS_ENVIRONMENT, or of an exec */
	__u64 caps_permitted; /* of the process's exec; UNKNOWN_BITS */
	__u64 structure;      /* the begin of the one that was passed; UNKNOWN_BITS */
};

/* The last names of files that rules ask for, for folders.bpf.h (facts/sieve.py): a bit for each, by its hash. */
#define SIEVE_SIZES 4 /* of beginnings and ends: 1, 2, 4, 8 bytes */
#define SIEVE_BITS 65536

struct sieve {
	__u64 kinds; /* that there are: whole, beginnings, ends */
	__u8 bits[SIEVE_BITS / 8];
};

#endif
