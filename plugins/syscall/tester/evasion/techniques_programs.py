"""Techniques of starting programs and of reaching addresses."""

from __future__ import annotations

from evasion.technique import ARGUMENTS, SHOWN, Detection, Group, Technique, by_ring, own, unseen

PLACE_PUBLIC, PLACE_OWN = "Execution from /dev/shm", "Program started from shared memory"
MEMORY_PUBLIC, MEMORY_OWN = "Fileless execution via memfd_create", "Program run from memory"
MOUNTED_OWN = "Program started from a file system in memory"
BY_TYPE = "the type of the file system, wherever it is mounted (`proc.is_exe_from_tmpfs`)"
LINKER = "Program started through the dynamic linker"
RESOLVED = "public rules go by the name it was started with; proc.exepath is the kernel's name of the file"
BY_LINKER = own("that the linker was called as a program; what it runs is in its arguments", LINKER)


def started(how: str) -> Detection:
    """Return the detection of the program by its place."""
    return Detection((PLACE_PUBLIC,), (PLACE_OWN,), how)


def in_memory(how: str) -> Detection:
    """Return the detection of the program by its being in no file system."""
    return Detection((MEMORY_PUBLIC,), (MEMORY_OWN,), how)


STARTING = Group(
    "Starting a program",
    "The program lies below `/dev/shm`, or in memory.",
    "@loader {} $shm/@dropped",
    {
        "exec": Technique(
            "starts it by its path, for comparison", started("the path"), "@loader exec $shm/@dropped noop"
        ),
        "exec-argument0": Technique("passes another word as its name", own(RESOLVED, PLACE_OWN)),
        "exec-relative": Technique("starts it by a relative path", own(RESOLVED, PLACE_OWN)),
        "exec-symlink": Technique("starts a symbolic link to it", own(RESOLVED, PLACE_OWN)),
        "exec-descriptor": Technique("starts its descriptor (execveat with an empty path)", own(RESOLVED, PLACE_OWN)),
        "exec-proc-descriptor": Technique("starts its descriptor by `/proc/self/fd`", own(RESOLVED, PLACE_OWN)),
        "exec-deleted": Technique("deletes it before it starts its descriptor", own(RESOLVED, PLACE_OWN)),
        "exec-script": Technique("starts a script that names it behind `#!`", started("the kernel passes on the path")),
        "exec-registered": Technique(
            "registers it for files of a kind (binfmt_misc in a user namespace) and starts such a file",
            Detection(
                (PLACE_PUBLIC,),
                (PLACE_OWN, "Kernel told to run a program"),
                "the kernel passes on the path; that the format is registered, wherever binfmt_misc is mounted",
            ),
        ),
        "exec-linker": Technique("lets the dynamic linker load it", BY_LINKER),
        "exec-bound": Technique(
            "mounts its folder a second time",
            own("proc.exepath is tried as the path from the machine's root too", PLACE_OWN, SHOWN, MOUNTED_OWN),
        ),
        "exec-vfork": Technique("starts it by vfork", started("the path")),
        "exec-thread": Technique("starts it from a second thread", started("the path")),
        "exec-32bit": Technique("calls execve as 32-bit programs do", started(ARGUMENTS)),
        "exec-memory": Technique(
            "starts the descriptor of a memfd",
            in_memory("the kernel's name of the file, and what kind of file it is"),
            "@loader {} @payload",
        ),
        "exec-memory-proc": Technique(
            "starts a memfd by `/proc/self/fd`", in_memory("the kernel's name of the file"), "@loader {} @payload"
        ),
        "exec-memory-as-runc": Technique(
            "starts it by a link called runc",
            own("the public rule lets the name pass; ours does not go by it", MEMORY_OWN),
            "@loader {} @payload",
        ),
        "exec-memory-linker": Technique("lets the dynamic linker load the memfd", BY_LINKER, "@loader {} @payload"),
        "exec-mapped": Technique(
            "maps code from a memfd into itself and calls it, as a library is loaded",
            unseen("no program is started; rules would have to ask for mmap, which every program calls"),
            "@loader {}",
        ),
        "exec-unnamed": Technique(
            "starts a file without a name (O_TMPFILE)",
            own("the kernel's name for such a file", "Program without a name started"),
            "@loader {} @payload",
        ),
        "exec-tmpfs": Technique(
            "mounts a tmpfs elsewhere and starts it from there", own(BY_TYPE, MOUNTED_OWN), "@loader {} @payload"
        ),
        "exec-ramfs": Technique(
            "mounts a ramfs elsewhere and starts it from there", own(BY_TYPE, MOUNTED_OWN), "@loader {} @payload"
        ),
        "exec-read": Technique(
            "has a shell read a script from such a tmpfs as its input",
            unseen("the script is data of an installed program, as with `.`, `awk -f` and `make -f`"),
            "@loader {}",
        ),
    },
)

SERVER = Detection(
    ("Run shell untrusted", "Web Server Spawned Shell"),
    ("Server that runs no shells started one",),
    "the server among the shell's ancestors",
)

NOT_INSTALLED = "Server started a program that is not installed"
IN_SERVICE = "Shell started in the service of a server"

SERVERS = Group(
    "A server starting a shell",
    "The server is called nginx. Ours has no rule on shells that are called so, as the public rules have one.",
    "@nginx {}",
    {
        "shell-plain": Technique("starts `/bin/sh`, for comparison", SERVER),
        "shell-copied": Technique(
            "starts a copy of it under another name",
            own("it is a program that is not installed", NOT_INSTALLED),
        ),
        "shell-linker": Technique("has the dynamic linker load it", BY_LINKER),
        "shell-script": Technique(
            "starts a script of its own",
            own("the path of the script, which is not installed", "Server started a script"),
        ),
        "shell-interpreter": Technique(
            "starts perl with a program among its arguments",
            Detection(
                ("Web Server Spawned Suspicious Child Process",),
                ("Server started an interpreter with a program as argument",),
                "the interpreter, and its arguments",
            ),
        ),
        "shell-linked": Technique(
            "starts a link to it with another name",
            own("proc.exepath is the shell's, proc.name is not", "Server started a shell under another name"),
        ),
        "shell-renamed-server": Technique(
            "calls itself worker before", SERVER._replace(how="proc.name is the name from the start")
        ),
        "shell-deep": Technique("starts it from the twelfth generation of its children", SERVER),
        "shell-orphaned": Technique(
            "lets a grandchild that has lost its parent become another program, which starts it",
            own(
                "no ancestor is a server any more; the cgroup is still its service's",
                IN_SERVICE,
                NOT_INSTALLED,
                "Service account ran a program from a temporary folder",
            ),
            "@nginx cgroup $service {}",
        ),
        "shell-orphaned-itself": Technique(
            "lets such a grandchild become the shell",
            own("no ancestor is a server any more; the cgroup is still its service's", IN_SERVICE),
            "@nginx cgroup $service {}",
        ),
    },
)

METADATA = Detection(
    ("Contact EC2 Instance Metadata Service From Container", "Contact cloud metadata service from container"),
    ("Cloud credentials fetched from inside a container",),
    "the socket's addresses, from the kernel",
)
SENDING = own("the public rules leave out TCP without connect; ours names the calls that send", *METADATA.own)
RUNTIME = "Container runtime driven by an unusual program"
IN_CONTAINER = "@runc cgroup $cgroup exec @thief network 169.254.169.254 {} 169.254.169.254"

CONNECTING = Group(
    "Reaching an address",
    "From a container, 169.254.169.254, where clouds hand out credentials; on the host, the socket of a container "
    "runtime, on which there is no public rule.",
    IN_CONTAINER,
    {
        "connect": Technique("connects, for comparison", METADATA, IN_CONTAINER + " 80"),
        "connect-mapped": Technique("connects to the address in its IPv6 form", METADATA),
        "connect-multipath": Technique("connects with multipath TCP", METADATA),
        "connect-nonblocking": Technique("does not wait for the connection", METADATA),
        "connect-fast-open": Technique("sends the first data without connecting (sendto, fast open)", SENDING),
        "connect-fast-open-message": Technique("does so with sendmsg", SENDING),
        "connect-ring": Technique("connects through io_uring", by_ring(METADATA)),
        "connect-overwritten": Technique("has a thread write another address over the one that it passed", METADATA),
        "connect-ring-fast-open": Technique(
            "sends the first data without connecting, through io_uring", by_ring(SENDING)
        ),
        "connect-32bit": Technique("calls connect as 32-bit programs do", METADATA._replace(how=ARGUMENTS)),
        "connect-socketcall": Technique("calls socketcall as old 32-bit programs do", METADATA._replace(how=ARGUMENTS)),
        "datagram": Technique(
            "sends a datagram from an unconnected socket",
            own("the public rules leave out sockets whose own address is 0.0.0.0", *METADATA.own),
        ),
        "datagrams": Technique(
            "sends datagrams with sendmmsg", own("the public rules name sendto and sendmsg", *METADATA.own)
        ),
        "datagram-ring": Technique(
            "sends a datagram through io_uring",
            by_ring(own("", *METADATA.own)),
        ),
        "datagram-raw": Technique(
            "makes the datagram itself (raw socket)", own("the socket's addresses, from the kernel", *METADATA.own)
        ),
        "unix-plain": Technique(
            "connects to `run/docker.sock`, for comparison", own("the name", RUNTIME), "@escape {}"
        ),
        "unix-symlink": Technique(
            "connects to a link to it", own("fd.name is the file's own name too", RUNTIME), "@escape {}"
        ),
        "unix-relative": Technique(
            "connects to `docker.sock` in its working directory",
            own("fd.name is the file's own name too", RUNTIME),
            "@escape {}",
        ),
        "unix-descriptor": Technique(
            "connects to a descriptor of it in /proc", own("fd.name is the file's own name too", RUNTIME), "@escape {}"
        ),
        "unix-hard-link": Technique(
            "connects to another hard link to it", own("fd.name is the file's own name too", RUNTIME), "@escape {}"
        ),
        "unix-bound": Technique(
            "mounts it at another place and connects there",
            own("fd.name is the file's own name too", RUNTIME, SHOWN),
            "@escape {}",
        ),
        "unix-abstract": Technique(
            "connects to a socket of such a name that is in no file system", own("the name", RUNTIME), "@escape {}"
        ),
    },
)
