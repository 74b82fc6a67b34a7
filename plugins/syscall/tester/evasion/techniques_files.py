"""Techniques of reading and changing files."""

from __future__ import annotations

from evasion.technique import (
    ARGUMENTS,
    ENTERED,
    REWRITTEN,
    RING,
    SHOWN,
    Detection,
    Group,
    Technique,
    by_ring,
    by_way,
    own,
    unseen,
)

KERNEL_NAME = "fd.name is the kernel's own name of the file that was opened"
WATCHED = "the file is watched by its inode, and fd.name is tried as the path that rules name"
HOST_NAME = "fd.name is tried as the path from the machine's root too"
OWN_MOUNTS = "fd.name is tried as the path from the root of the process's mounts, by the oldest of them"
READ_PUBLIC, READ_OWN = "Read sensitive file untrusted", "Password hashes read"
WRITE_PUBLIC, WRITE_OWN = "Write below etc", "Accounts written by hand"
REPLACED = "Account file replaced"
CHANGED_ROOT = "Root directory changed by a program that is not installed"
EXCHANGED_ROOT = "Root directory exchanged by a program that is not installed"
NEWER_CALLS = "Mounts changed by the newer calls"
DISK_OPENED = "Disk opened by a program that is not installed"
TAKEN = "Descriptor taken out of another process"
TAKEN_MAP = "BPF object of another taken by an unusual program"
REACHED = "Agent reached through the kernel"
REPORTED = "Opened files reported to a program that is not installed"
TRACED = "Process traced by a program that is not installed"


def read(how: str = KERNEL_NAME, *more: str) -> Detection:
    """Return the detection of reading the file; *more* of our rules fire too."""
    return Detection((READ_PUBLIC,), (READ_OWN, *more), how)


def written(how: str = KERNEL_NAME) -> Detection:
    """Return the detection of writing the file."""
    return Detection((WRITE_PUBLIC,), (WRITE_OWN,), how)


SPELLED = "the names are as the caller wrote them, where the kernel has no hooks"
REPLACING = "the names that the call is given, made whole"

READING = Group(
    "Reading a file",
    "The file is `/etc/shadow`. Rules look for its name in open(2), openat(2) and openat2(2).",
    "@thief {}",
    {
        "read-plain": Technique("opens it by its name, for comparison", read("the name")),
        "read-slashes": Technique("doubles slashes in the name", read()),
        "read-dots": Technique("puts `.` and `..` into the name", read()),
        "read-dots-behind-link": Technique("puts `..` behind a link to a folder, where it leads elsewhere", read()),
        "read-symlink": Technique("opens a symbolic link to it", read()),
        "read-linked-folder": Technique("opens it below a symbolic link to its folder", read()),
        "read-relative": Technique("opens a relative name after chdir", read()),
        "read-relative-fchdir": Technique("opens a relative name after fchdir", read()),
        "read-from-descriptor": Technique("opens a name relative to the folder's descriptor", read()),
        "read-reopened": Technique(
            "opens it with O_PATH for writing, then again by `/proc/self/fd`",
            Detection(
                (READ_PUBLIC, WRITE_PUBLIC),
                (READ_OWN,),
                KERNEL_NAME + "; the O_PATH open counts as writing for Falco's rules only",
            ),
        ),
        "read-proc-root": Technique("opens it below `/proc/self/root`", read()),
        "read-proc-cwd": Technique("opens it below the working directory of another process, in /proc", read()),
        "read-root-of-another": Technique(
            "opens it below the root directory of another process, in /proc", read(KERNEL_NAME, CHANGED_ROOT)
        ),
        "read-shared-cwd": Technique("lets another process change the working directory that both share", read()),
        "read-shared-descriptor": Technique("lets another process open the folder in the table both share", read()),
        "read-long": Technique("makes the name 4,000 characters long", read()),
        "read-renamed": Technique(
            "calls itself sshd, which may read it, by prctl", read("proc.name is the name from the start")
        ),
        "read-renamed-thread": Technique(
            "reads it in a thread that calls itself sshd", read("proc.name is the name of the process")
        ),
        "read-borrowed-name": Technique(
            "is a program whose file is called sshd",
            own(
                "the name is right for both rules, but no such program is installed there",
                READ_OWN + " under a borrowed name",
            ),
            "@sshd read-plain",
        ),
        "read-chroot": Technique(
            "changes its root directory to the folder",
            read(HOST_NAME, CHANGED_ROOT),
        ),
        "read-outside-root": Technique(
            "keeps the folder's descriptor and leaves it behind by chroot", read(KERNEL_NAME, CHANGED_ROOT)
        ),
        "read-bound-folder": Technique("mounts the folder a second time", read(HOST_NAME, SHOWN)),
        "read-bound-file": Technique("mounts the file over another one", read(HOST_NAME, SHOWN)),
        "read-bound-chroot": Technique(
            "mounts it below the folder to which it changes its root directory", read(HOST_NAME, CHANGED_ROOT, SHOWN)
        ),
        "read-bound-link": Technique("mounts it a second time and opens a link to there", read(HOST_NAME, SHOWN)),
        "read-bound-descriptor": Technique(
            "unmounts the second mount and opens it from the folder's descriptor", read(HOST_NAME, SHOWN)
        ),
        "read-mount-of-another": Technique(
            "reaches into the mounts of another process by /proc", read(HOST_NAME, SHOWN)
        ),
        "read-deep": Technique("mounts the folder below a path of 5,000 characters", read(HOST_NAME, SHOWN)),
        "read-detached-attributes": Technique("does so with open_tree_attr", read(HOST_NAME, NEWER_CALLS)),
        "read-unmounted": Technique("unmounts the second mount while it is in there", read(HOST_NAME, SHOWN)),
        "read-overlay": Technique("makes the folder a lower layer of an overlay", read(WATCHED, SHOWN)),
        "read-detached-tree": Technique(
            "copies the mount with open_tree and puts it nowhere",
            read(HOST_NAME, NEWER_CALLS),
        ),
        "read-second-proc": Technique("mounts /proc at another place and goes by its links", read()),
        "read-pivoted": Technique(
            "exchanges its root directory",
            read(HOST_NAME, EXCHANGED_ROOT),
        ),
        "read-hard-link": Technique("opens another hard link to it, made by a name that no rule knows", read(WATCHED)),
        "read-hard-link-by-name": Technique(
            "does so with one that it made by the file's name",
            Detection(
                (READ_PUBLIC, "Create Hardlink Over Sensitive Files"),
                (READ_OWN, REPLACED),
                WATCHED + "; and the making of the link",
            ),
        ),
        "read-hard-link-bound": Technique(
            "opens such a link in a folder that it mounts elsewhere", read(WATCHED, SHOWN)
        ),
        "read-renamed-file": Technique("renames it first", own("the rename is seen", REPLACED)),
        "read-disk": Technique(
            "makes a device node of the disk that it is on",
            own(
                "the device, and the making of the node",
                DISK_OPENED,
                "Device node of a disk made by an unusual program",
            ),
        ),
        "read-openat2": Technique("opens it with openat2 and RESOLVE_NO_SYMLINKS", read()),
        "read-openat2-in-root": Technique("opens `/../shadow` with RESOLVE_IN_ROOT", read()),
        "read-openat2-beneath": Technique("opens it with RESOLVE_BENEATH from its folder", read()),
        "read-by-handle": Technique(
            "opens it by handle",
            own("public rules do not name the call; " + KERNEL_NAME, READ_OWN, "Account file opened by handle"),
        ),
        "read-ring": Technique("opens it through io_uring", by_ring(read())),
        "read-ring-openat2": Technique("opens it with openat2 through io_uring", by_ring(read())),
        "read-ring-polled": Technique("lets a thread of the kernel take the requests, without a call", by_ring(read())),
        "read-ring-worker": Technique(
            "lets a thread of the kernel open it, and writes over the path that it asked for", by_ring(read())
        ),
        "read-ring-direct": Technique("opens it into the ring's own table and reads it from there", by_ring(read())),
        "read-ring-direct-symlink": Technique("opens a symbolic link to it into that table", by_ring(read())),
        "read-ring-silent": Technique("opens it into that table, and has the ring tell nothing of it", by_ring(read())),
        "read-ring-silent-symlink": Technique(
            "opens a symbolic link to it so",
            by_ring(read())._replace(how="the file that is there when the process is at its ring again"),
        ),
        "read-ring-silent-descriptor": Technique(
            "opens such a link to a descriptor without being told which",
            by_ring(read())._replace(how="the latest descriptor when it reads"),
        ),
        "read-ring-installed": Technique(
            "gives the file in that table a descriptor by a request that opens nothing", by_ring(read())
        ),
        "read-ring-crowded": Technique(
            "opens a symbolic link when more requests wait than can be followed",
            by_ring(read())._replace(how="the file, when it is open"),
        ),
        "read-ring-silent-crowded": Technique(
            "opens such a link silently when four such requests wait already",
            by_way("no more are looked for of one process; only the name that was asked for is told", RING),
        ),
        "read-ring-shared": Technique(
            "lets a child open such a link silently, and reads it from the table that both share",
            by_way("it is looked for when the process that asked for it is at its ring again, or reads", RING),
        ),
        "read-ring-silent-chain": Technique(
            "opens such a link, reads and closes it by requests that follow each other and tell nothing",
            by_way("the file is gone before anything is told; only the name that was asked for is", RING),
        ),
        "read-32bit": Technique("calls open as 32-bit programs do", read(ARGUMENTS)),
        "read-32bit-openat": Technique("calls openat as 32-bit programs do", read(ARGUMENTS)),
        "read-exchanged": Technique(
            "exchanges the name in memory while the kernel is at it", read(KERNEL_NAME + ", not what lies in memory")
        ),
        "read-mapped": Technique("maps it into memory and never reads it", read("the opening")),
        "read-sent": Technique("lets sendfile read it", read("the opening")),
        "read-taken": Technique(
            "takes the open file out of its child (pidfd_getfd)", read("the child's opening, and the taking", TAKEN)
        ),
        "read-supervised": Technique(
            "has the call that opens another name answered with it (seccomp)", read("both openings")
        ),
        "read-reported": Technique(
            "gets a descriptor of it when another opens it (fanotify)",
            own("that reports are asked for", REPORTED),
        ),
        "read-traced": Technique(
            "makes a program that may read it do so (ptrace)",
            Detection(("PTRACE attached to process", "PTRACE anti-debug attempt"), (TRACED,), "the tracing"),
        ),
        "read-edited": Technique(
            "takes the place of the editor that vipw shows a copy to",
            Detection(("User mgmt binaries",), (READ_OWN,), "the name of the copy"),
        ),
        "read-leaderless": Technique("reads it in a thread when the first one has ended", read()),
        "read-left-out": Technique(
            "has the agent leave out its calls, by the map that says whose calls it leaves out",
            by_way("that the map is taken", TAKEN_MAP, REACHED),
        ),
        "read-received": Technique("gets the open file sent by its child", read("the child's opening")),
    },
)

WRITING = Group(
    "Changing a file",
    "The file is `/etc/shadow` in an `/etc` of the program's own. Of the public rules, one of the sandbox is about it.",
    "@implant {}",
    {
        "write-plain": Technique("opens it by its name for writing, for comparison", written("the name")),
        "write-symlink": Technique("opens a symbolic link to it", written()),
        "write-dots-behind-link": Technique("puts `..` behind a link to a folder", written()),
        "write-relative": Technique("opens a relative name after chdir", written()),
        "write-from-descriptor": Technique("opens a name relative to the folder's descriptor", written()),
        "write-proc-root": Technique("opens it below `/proc/self/root`", written()),
        "write-reopened": Technique(
            "opens it with O_PATH, then again by `/proc/self/fd`",
            Detection(
                (READ_PUBLIC, WRITE_PUBLIC),
                (WRITE_OWN,),
                KERNEL_NAME + "; the O_PATH open counts as reading for Falco's rules only",
            ),
        ),
        "write-chroot": Technique(
            "changes its root directory to the folder",
            Detection((WRITE_PUBLIC, "Write below root"), (WRITE_OWN, CHANGED_ROOT), OWN_MOUNTS),
        ),
        "write-bound-folder": Technique(
            "mounts the folder a second time", Detection((WRITE_PUBLIC,), (WRITE_OWN, SHOWN), OWN_MOUNTS)
        ),
        "write-hard-link": Technique("opens another hard link to the machine's own, made before", written(WATCHED)),
        "write-create": Technique("calls creat", own("public rules do not name the call; " + KERNEL_NAME, WRITE_OWN)),
        "write-truncate": Technique("calls truncate", own("the name that the call is given, made whole", REPLACED)),
        "write-rename": Technique("renames another file over it", own(REPLACING, REPLACED)),
        "write-rename-linked": Technique(
            "does so by a symbolic link to the folder", unseen(SPELLED), hooked=(REPLACED,)
        ),
        "write-rename-proc-root": Technique("does so below `/proc/self/root`", unseen(SPELLED), hooked=(REPLACED,)),
        "write-rename-relative": Technique("does so with names relative to the folder", own(REPLACING, REPLACED)),
        "write-exchange": Technique("exchanges it with another file", own(REPLACING, REPLACED)),
        "write-exchange-rewritten": Technique(
            "exchanges it with another file, and writes over the name before the call returns",
            own(ENTERED, REPLACED, *REWRITTEN),
        ),
        "write-openat2-rewritten": Technique(
            "opens it with openat2, and writes over the flags before the call returns",
            Detection((WRITE_PUBLIC,), (WRITE_OWN, *REWRITTEN), "the flags are those of the opened file"),
        ),
        "write-link": Technique("removes it and links another file there", own(REPLACING, REPLACED)),
        "write-symlink-in-place": Technique("removes it and puts a symbolic link there", own(REPLACING, REPLACED)),
        "write-unnamed": Technique(
            "fills a file without a name and links it there",
            Detection(
                (WRITE_PUBLIC, "Write below root"),
                (REPLACED, "File of the system written by a program that is not installed"),
                "the opening in the folder, and the link; as in Falco, the folder's name is the file's for a rule too",
            ),
        ),
        "write-mount-over": Technique(
            "mounts another file over it", own("the mount, and the name it is at", REPLACED, SHOWN)
        ),
        "write-mount-over-linked": Technique(
            "does so by a symbolic link to the folder", own("the mount, and where it is", REPLACED, SHOWN)
        ),
        "write-tree-over": Technique(
            "does so with open_tree and move_mount", own("the mount, and where it is", REPLACED, NEWER_CALLS)
        ),
        "write-tree-over-linked": Technique(
            "does so by a symbolic link to the folder", own("the mount, and where it is", REPLACED, NEWER_CALLS)
        ),
        "write-by-handle": Technique(
            "opens it by handle",
            own("public rules do not name the call; " + KERNEL_NAME, WRITE_OWN, "Account file opened by handle"),
        ),
        "write-ring": Technique("opens it through io_uring", by_ring(written())),
        "write-ring-rename": Technique(
            "renames another file over it through io_uring", by_ring(own(REPLACING, REPLACED))
        ),
        "write-ring-link": Technique(
            "removes it and links another there through io_uring", by_ring(own(REPLACING, REPLACED))
        ),
        "write-32bit": Technique("calls open as 32-bit programs do", written(ARGUMENTS)),
        "write-32bit-rename": Technique("calls rename as 32-bit programs do", own(ARGUMENTS, REPLACED)),
    },
)
