"""Techniques of getting rights, of leaving a container, and of getting into other processes and the kernel."""

from __future__ import annotations

from evasion.technique import ARGUMENTS, Group, Seen, Technique, by_ring, own, unseen

FILE_RIGHTS = "Rights to files changed by a program that is not installed"
REFUSED = "Attempt to become root refused"
BECOMING = Seen(("Non sudo setuid",), (REFUSED,), "the call's argument")
USER_NAMESPACE = own("the call's flags", "User namespace made by an unusual program")
FOR_A_CHILD = own("the call's flags", "User namespace made for a child")
OWNER = Seen(("Set Setuid or Setgid bit",), ("Program given the rights of its owner",), "the call's argument")
FROM_START = own("the mode that the file is made with", "Program made with the rights of its owner")

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
        "setuid-fchmodat2": Technique("does so by fchmodat2", OWNER, "@implant {}"),
        "setuid-32bit": Technique("calls chmod as 32-bit programs do", OWNER._replace(how=ARGUMENTS), "@implant {}"),
        "setuid-open": Technique("opens a new file with that mode", FROM_START, "@implant {}"),
        "setuid-mknod": Technique("makes a new file with that mode by mknod", FROM_START, "@implant {}"),
        "file-capability": Technique(
            "gives the program a capability by fsetxattr",
            own("the name of the attribute", "Program given capabilities"),
            "@implant {}",
        ),
    },
)

JOINED = Seen(("Change thread namespace",), ("Namespace joined from inside a container",), "the call")
DISK = "Disk mounted inside a container"
HOST_ROOT = "Root directory moved to the host from a container"

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
    },
)

TRACED = Seen(("PTRACE attached to process",), (), "the request")
MEMORY_FILE = own("fd.name is the kernel's own name of the file", "Memory of a process opened for writing")
MEMORY_CALL = own("the call", "Memory of another process reached by a call")
POSES = own("the name that is asked for", "Process poses as a kernel thread")
MODULE = own("the call", "Kernel module loaded by an unusual program")

INJECTING = Group(
    "Getting into other processes, and the kernel",
    "The other process is a child. Of the public rules, one is on ptrace and one on modules loaded in containers; ours "
    "has none on ptrace.",
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
            "writes over its arguments, which ps shows", unseen("no call is made; arguments are those of the start")
        ),
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
