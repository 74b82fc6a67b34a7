"""Which system calls a process may make, by what its job needs (:class:`falcohost.Needs`).

The lists come from running every source under strace(1), and from what glibc and Python call in other versions. What
no list has ends the process, with a few exceptions in :mod:`falcohost.host.confine.seccomp`.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from falcohost.needs import BENEATH, CODE, CONNECT, LISTEN, MAPS, MODULE, PAUSE, PROBE, SIGNAL, THREADS, WATCH, WRITE

# Memory, signals, time, waiting, reading, and descriptors that the process has already.
BASE: Final = """
    read readv pread64 preadv write writev pwrite64 close close_range dup dup2 dup3 fcntl lseek fadvise64
    stat lstat fstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents
    getdents64 getcwd statfs fstatfs
    mmap munmap mprotect mremap madvise msync mseal brk arch_prctl
    futex set_robust_list get_robust_list rseq membarrier sched_yield getcpu sched_getaffinity sched_getscheduler
    sched_getparam
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait rt_sigpending rt_sigsuspend sigaltstack restart_syscall
    pause exit exit_group wait4 waitid uretprobe uprobe
    poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd2 pipe
    pipe2 timerfd_create timerfd_settime timerfd_gettime signalfd4
    nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times getitimer setitimer alarm
    getpid getppid gettid getuid geteuid getgid getegid getresuid getresgid getgroups getpgrp getpgid getsid uname
    capget sysinfo getrusage getrlimit getpriority getrandom umask
    recvmsg recvfrom recvmmsg sendmsg sendto sendmmsg shutdown getsockopt setsockopt getsockname getpeername
"""

ADDED: Final = {
    BENEATH: "openat2",
    WATCH: "inotify_init1 inotify_add_watch inotify_rm_watch",
    PAUSE: "fanotify_mark timer_settime",
    CONNECT: "connect bind",
    LISTEN: "listen accept accept4",
    SIGNAL: "pidfd_open pidfd_send_signal ftruncate",  # files of marks, which it has
    WRITE: """
        unlink unlinkat rename renameat renameat2 mkdir mkdirat rmdir truncate ftruncate fallocate fsync fdatasync
        sync_file_range flock chmod fchmod fchmodat fchmodat2 fchown utime utimes utimensat futimesat copy_file_range
        sendfile
    """,
}

#: What a process that runs programs may not do, nor may the programs: they get EPERM.
DANGEROUS: Final = """
    ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd unshare setns mount umount2 pivot_root
    move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr chroot kexec_load kexec_file_load init_module
    finit_module delete_module bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register add_key
    request_key keyctl reboot swapon swapoff acct quotactl quotactl_fd sethostname setdomainname settimeofday
    clock_settime adjtimex clock_adjtime iopl ioperm modify_ldt fanotify_init open_by_handle_at lookup_dcookie vhangup
    syslog uselib create_module query_module get_kernel_syms nfsservctl memfd_secret
"""


class Argument(Struct, frozen=True):
    """A condition on an argument, of which the kernel reads 32 bits.

    :ivar place: zero-based index of the argument.
    :ivar values: the argument is one of these; empty: any.
    :ivar without: it has none of these bits.
    :ivar within: it has all of these bits.
    """

    place: int
    values: frozenset[int] = frozenset()
    without: int = 0
    within: int = 0


#: What has to be true of a call's arguments: one of these; with none, they do not matter.
Conditions: TypeAlias = tuple[Argument, ...]

# linux/sched.h
_CLONE_NEW: Final = (
    0x00000080 | 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
)
_CLONE_VM, _CLONE_PTRACE, _CLONE_VFORK, _CLONE_THREAD, _CLONE_UNTRACED = 0x100, 0x2000, 0x4000, 0x10000, 0x800000

# Thread: shares memory and signals, and is in no new namespace.
_THREAD: Final = Argument(0, without=_CLONE_NEW | _CLONE_PTRACE | _CLONE_VFORK, within=_CLONE_VM | _CLONE_THREAD)
#: Process: in no new namespace, and not traced by who makes it.
PROCESS: Final = Argument(0, without=_CLONE_NEW | _CLONE_PTRACE | _CLONE_UNTRACED)

# linux/prctl.h: GET_PDEATHSIG, GET_DUMPABLE, SET_NAME, GET_NAME, GET_SECCOMP, GET_NO_NEW_PRIVS, SET_VMA.
_PRCTL: Final = Argument(0, frozenset({2, 3, 15, 16, 21, 39, 0x53564D41}))

# mmap(2), mprotect(2): no PROT_EXEC; and mmap(2): of a file, not MAP_ANONYMOUS.
_NO_CODE, _OF_A_FILE = Argument(2, without=0x4), Argument(3, without=0x20)

# open(2): neither O_WRONLY, O_RDWR, O_CREAT nor O_TRUNC in the flags, which are in this place.
_ONLY_READ: Final = {place: Argument(place, without=0o1103) for place in (1, 2)}

# asm-generic/ioctls.h: TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX.
_IOCTL: Final = frozenset({0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451})
# linux/perf_event.h: ENABLE, DISABLE, SET_BPF.
_PERF_IOCTL: Final = frozenset({0x2400, 0x2401, 0x40042408})

# The requests of Falco's kernel module (driver/ppm_events_public.h).
_MODULE_IOCTL: Final = frozenset(range(0x7300, 0x7340))
_REQUESTS: Final = {PROBE: _PERF_IOCTL, MODULE: _MODULE_IOCTL}

# setsockopt(2) by who only listens, with sockets that the next process gets: TCP_NODELAY, SO_KEEPALIVE, SO_LINGER and
# SO_RCVTIMEO; of other levels nothing harmful. No filters or keys (SO_ATTACH_FILTER, TCP_MD5SIG), no least distance.
_OF_SERVED: Final = Argument(2, frozenset({1, 9, 13, 20}))

_UNIX: Final = Argument(0, frozenset({socket.AF_UNIX}))
_FAMILIES: Final = frozenset({socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK})

# linux/bpf.h: commands on descriptors of maps that a process has: look up, update, delete, next key, look up and
# delete, and the four for many entries.
_MAPS: Final = frozenset({1, 2, 3, 4, 21, 24, 25, 26, 27})
# Create a map, load a program, test run, information, query, open a tracepoint, load types, freeze, create, update and
# detach links, statistics, iterate, bind a map.
_PROBE: Final = _MAPS | {0, 5, 10, 15, 16, 17, 18, 22, 28, 29, 32, 33, 34, 35}


def allowed(needs: Iterable[str], pid: int) -> Mapping[str, Conditions]:
    """Return the system calls that a process may make, by name, with the conditions on their arguments.

    :param pid: the process, which may signal its own threads and read its own limits only.
    """
    needs = frozenset(needs)
    names = " ".join((BASE, *(ADDED.get(need, "") for need in needs))).split()
    found: dict[str, Conditions] = dict.fromkeys(names, ())
    found["prctl"] = (_PRCTL,)
    found["socketpair"] = (_UNIX,)  # of another family, the kernel would load a module for it
    found["tgkill"] = (Argument(0, frozenset({pid})),)
    found["prlimit64"] = (Argument(0, frozenset({0, pid})),)
    requests = frozenset[int]().union(*(of for need, of in _REQUESTS.items() if need in needs))
    found["ioctl"] = (Argument(1, _IOCTL | requests),)
    if CODE not in needs:
        found["mprotect"] = (_NO_CODE,)
        # What looks up names loads the libraries for that late (nsswitch.conf(5)).
        found["mmap"] = (_NO_CODE, _OF_A_FILE) if CONNECT in needs else (_NO_CODE,)
    if WRITE not in needs:
        found["open"], found["openat"] = (_ONLY_READ[1],), (_ONLY_READ[2],)
    else:
        found["open"] = found["openat"] = ()
    if THREADS in needs:
        found["clone"] = (_THREAD,)
    if CONNECT in needs:
        found["socket"] = (Argument(0, _FAMILIES),)
    elif LISTEN in needs:
        found["setsockopt"] = (_OF_SERVED,)
    if MAPS in needs:
        found["bpf"] = (Argument(0, _MAPS),)
    if PROBE in needs:
        found["bpf"] = (Argument(0, _PROBE),)
        found["perf_event_open"] = ()
    return found
