"""Techniques of getting rights, of leaving a container, and of getting into other processes and the kernel."""

from __future__ import annotations

from evasion.technique import ARGUMENTS, ENTERED, REWRITTEN, Detection, Group, Technique, by_ring, own

FILE_RIGHTS = "Rights to files changed by a program that is not installed"
REFUSED = "Attempt to become root refused"
BECOMING = Detection(("Non sudo setuid",), (REFUSED,), "the call's argument")
USER_NAMESPACE = own("the call's flags", "User namespace made by an unusual program")
FOR_A_CHILD = own("the call's flags", "User namespace made for a child")
OWNER = Detection(("Set Setuid or Setgid bit",), ("Program given the rights of its owner",), "the call's argument")
FROM_START = own("the mode that the file is made with", "Program made with the rights of its owner")

CAPABLE = own("the name of the attribute", "Program given capabilities")

RISING = Group(
    "Getting rights",
    "A user without rights asks to be root or makes a user namespace; root makes a program that runs as its owner.",
    "@exploit as 65534 {}",
    {
        "root-setuid": Technique("calls setuid, for comparison", BECOMING),
        "root-32bit": Technique("calls setuid as 32-bit programs do", BECOMING._replace(how=ARGUMENTS)),
        "root-16bit-ids": Technique("calls the setuid of the time of 16-bit ids", BECOMING._replace(how=ARGUMENTS)),
        "root-32bit-setresuid": Technique("calls setresuid as 32-bit programs do", own(ARGUMENTS, REFUSED)),
        "root-fsuid": Technique("calls setfsuid", own("the call", FILE_RIGHTS)),
        "root-capset": Technique(
            "asks for all capabilities", own("the refusal", "Attempt to get capabilities refused")
        ),
        "user-namespace": Technique("makes a user namespace by unshare, for comparison", USER_NAMESPACE),
        "user-namespace-32bit": Technique("calls unshare as 32-bit programs do", USER_NAMESPACE),
        "user-namespace-clone": Technique("makes one for its child by clone", FOR_A_CHILD),
        "user-namespace-clone3": Technique("makes one for its child by clone3", FOR_A_CHILD),
        "setuid-chmod": Technique("puts the set-uid bit on a program by chmod, for comparison", OWNER, "@implant {}"),
        "setuid-descriptor": Technique("does so by fchmod", OWNER, "@implant {}"),
        "setuid-fchmodat2": Technique("does so by fchmodat2", own(OWNER.how, *OWNER.own), "@implant {}"),
        "setuid-32bit": Technique("calls chmod as 32-bit programs do", OWNER._replace(how=ARGUMENTS), "@implant {}"),
        "setuid-open": Technique("opens a new file with that mode", FROM_START, "@implant {}"),
        "setuid-mknod": Technique("makes a new file with that mode by mknod", FROM_START, "@implant {}"),
        "setuid-create": Technique("makes a new file with that mode by creat", FROM_START, "@implant {}"),
        "setuid-ring": Technique(
            "opens a new file with that mode through io_uring", by_ring(FROM_START), "@implant {}"
        ),
        "setuid-unnamed": Technique(
            "opens a file without a name with that mode, and gives it one", FROM_START, "@implant {}"
        ),
        "file-capability": Technique(
            "gives the program a capability by fsetxattr",
            CAPABLE,
            "@implant {}",
        ),
        "file-capability-at": Technique("does so by setxattrat", CAPABLE, "@implant {}"),
        "file-capability-rewritten": Technique(
            "does so by setxattr, and writes over the attribute's name before the call returns",
            CAPABLE._replace(own=(*CAPABLE.own, *REWRITTEN), how=ENTERED),
            "@implant {}",
        ),
        "file-capability-ring": Technique(
            "does so through io_uring by the file's name", by_ring(CAPABLE), "@implant {}"
        ),
        "file-capability-ring-descriptor": Technique(
            "does so through io_uring by its descriptor", by_ring(CAPABLE), "@implant {}"
        ),
    },
)

JOINED = Detection(("Change thread namespace",), ("Namespace joined from inside a container",), "the call")
DISK = "Disk mounted inside a container"
HOST_ROOT = "Root directory moved to the host from a container"

CGROUP_LEFT = "Cgroup left from inside a container"
OLDER_CGROUPS = "Older cgroups mounted inside a container"

ESCAPING = Group(
    "Leaving a container",
    "The program is in a cgroup as docker names them, and in no namespace but the host's, so nothing is really left.",
    "@runc cgroup $cgroup exec @escape {}",
    {
        "join-descriptor": Technique("joins a namespace by its file in /proc, for comparison", JOINED),
        "join-process": Technique("joins the namespace of a process by its pidfd", JOINED),
        "join-32bit": Technique("calls setns as 32-bit programs do", JOINED._replace(how=ARGUMENTS)),
        "disk-mount": Technique("mounts a disk, for comparison", own("the device's name", DISK)),
        "disk-other-name": Technique("mounts it by a link", own("the file system is one that lies on a disk", DISK)),
        "disk-new-calls": Technique(
            "mounts it by fsopen and fsconfig",
            own("the calls, and what they are passed", DISK, "Mounts changed by the newer calls"),
        ),
        "disk-32bit": Technique("calls mount as 32-bit programs do", own(ARGUMENTS, DISK)),
        "host-root": Technique("changes its root to `/proc/self/root`, for comparison", own("the path", HOST_ROOT)),
        "host-root-relative": Technique("does so by a relative path", own("the path, made whole", HOST_ROOT)),
        "host-root-symlink": Technique("does so by a link", own("the root directory that it has then", HOST_ROOT)),
        "host-root-pivot": Technique(
            "exchanges its root directory (pivot_root)",
            own(
                "the call, if an unusual program makes it",
                "Root directory exchanged by a program that is not installed",
            ),
        ),
        "cgroup-file": Technique(
            "moves itself to another cgroup, so that it is in no container any more",
            own("the name of the file", CGROUP_LEFT),
            "@runc cgroup $cgroup exec @escape {} $cgroup",
        ),
        "cgroup-clone": Technique("makes a child in another cgroup by clone3", own("the call's flags", CGROUP_LEFT)),
        "agent-file": Technique(
            "opens the file of a cgroup that names a program for the kernel to start",
            Detection(
                ("Detect release_agent File Container Escapes",),
                ("Kernel told to run a program",),
                "the name of the file",
            ),
        ),
        "agent-mounted": Technique("names it in an option of a mount", own("the kind of the mount", OLDER_CGROUPS)),
        "agent-new-calls": Technique(
            "does so by fsopen and fsconfig",
            own("the calls, and what they are passed", OLDER_CGROUPS, "Mounts changed by the newer calls"),
        ),
    },
)

TRACED = Detection(
    ("PTRACE attached to process",), ("Process traced by a program that is not installed",), "the request"
)
MEMORY_FILE = own("fd.name is the kernel's own name of the file", "Memory of a process opened for writing")
MEMORY_CALL = own("the call", "Memory of another process reached by a call")
POSES = own("the name that is asked for", "Process poses as a kernel thread")
MODULE = own("the call", "Kernel module loaded by an unusual program")

WATCHED_PLACES = "Places in programs or the kernel watched by a program that is not installed"

INJECTING = Group(
    "Getting into other processes, and the kernel",
    "The other process is a child. Of the public rules, one is on ptrace and one on modules loaded in containers.",
    "@injector {}",
    {
        "trace-attach": Technique("attaches to it by ptrace, for comparison", TRACED),
        "trace-seize": Technique("does so without stopping it", TRACED),
        "trace-32bit": Technique("calls ptrace as 32-bit programs do", TRACED._replace(how=ARGUMENTS)),
        "memory-written": Technique("writes its memory by process_vm_writev", MEMORY_CALL),
        "memory-read": Technique("reads its memory by process_vm_readv", MEMORY_CALL),
        "memory-file": Technique("opens its memory in /proc for writing", MEMORY_FILE),
        "memory-file-relative": Technique("opens it by a relative name", MEMORY_FILE),
        "memory-file-of-thread": Technique("opens that of its thread", MEMORY_FILE),
        "memory-file-elsewhere": Technique(
            "mounts /proc at another place and opens it there",
            own("fd.name is tried as the path from the machine's root too", "Memory of a process opened for writing"),
        ),
        "memory-file-ring": Technique("opens it through io_uring", by_ring(MEMORY_FILE)),
        "descriptor-taken": Technique(
            "takes an open file out of it", own("the call", "Descriptor taken out of another process")
        ),
        "name-kernel-thread": Technique("calls itself as kernel threads are called, by prctl, for comparison", POSES),
        "name-32bit": Technique("calls prctl as 32-bit programs do", POSES._replace(how=ARGUMENTS)),
        "name-by-file": Technique(
            "writes the name to `/proc/self/comm`",
            own("the name that is written", "Process poses as a kernel thread", "Process renamed through its file"),
        ),
        "name-arguments": Technique(
            "writes over its arguments, which ps shows, and reads `/etc/shadow`",
            Detection(
                ("Read sensitive file untrusted",),
                ("Password hashes read",),
                "the reading, told with the arguments of the start, or what /proc says if the agent was started "
                "later; the writing makes no call",
            ),
        ),
        "probes-file": Technique(
            "opens the file of tracefs that makes probes in programs", own("the name of the file", WATCHED_PLACES)
        ),
        "probes-call": Technique("asks for such a one by perf_event_open", own("the call", WATCHED_PLACES)),
        "module-from-memory": Technique("loads a module from a memfd", MODULE),
        "module-32bit": Technique("calls init_module as 32-bit programs do", MODULE._replace(how=ARGUMENTS)),
        "faults-by-device": Technique(
            "handles page faults by `/dev/userfaultfd`",
            own("the name of the device", "Page faults handled by an unusual program"),
        ),
        "kernel-replaced": Technique(
            "asks for another kernel (kexec_load)", own("the call", "Kernel replaced while running")
        ),
    },
)
