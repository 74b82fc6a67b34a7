"""Names of flags and enumerations, and the numbers that Falco gives them where they differ from the kernel's.

Falco has its own number for many flags (``O_RDONLY`` is 1) and shows that number as the raw value, so a rule may hold a
number against it. The order of the names is the order in which Falco prints them.
"""

from __future__ import annotations

import errno
import platform
import signal
from dataclasses import dataclass
from functools import lru_cache

# table: NAME=Falco's number, or NAME=Falco's number<the kernel's number; tables without "<" have the kernel's numbers.
_TABLES = """
open: O_LARGEFILE=0x800 O_DIRECTORY=0x400 O_DIRECT=0x200 O_TRUNC=0x100 O_SYNC=0x80 O_NONBLOCK=0x40 O_EXCL=0x20
    O_DSYNC=0x10 O_APPEND=0x8 O_CREAT=0x4 O_RDWR=0x3 O_WRONLY=0x2 O_RDONLY=0x1 O_CLOEXEC=0x1000 O_NONE=0
    O_TMPFILE=0x2000 O_F_CREATED=0x4000 FD_UPPER_LAYER=0x8000 FD_LOWER_LAYER=0x10000
file: O_DIRECT=0x200<0x4000 O_NONBLOCK=0x40<0x800 O_CLOEXEC=0x1000<0x80000
socket: O_NONBLOCK=0x40<0x800 O_CLOEXEC=0x1000<0x80000 O_NONE=0
creat: FD_UPPER_LAYER_CREAT=0x1 FD_LOWER_LAYER_CREAT=0x2
flock: LOCK_SH=0x1<0x1 LOCK_EX=0x2<0x2 LOCK_NB=0x4<0x4 LOCK_UN=0x8<0x8 LOCK_NONE=0
clone: CLONE_FILES=0x1<0x400 CLONE_FS=0x2<0x200 CLONE_IO=0x4<0x80000000 CLONE_NEWIPC=0x8<0x8000000
    CLONE_NEWNET=0x10<0x40000000 CLONE_NEWNS=0x20<0x20000 CLONE_NEWPID=0x40<0x20000000 CLONE_NEWUTS=0x80<0x4000000
    CLONE_PARENT=0x100<0x8000 CLONE_PARENT_SETTID=0x200<0x100000 CLONE_PTRACE=0x400<0x2000 CLONE_SIGHAND=0x800<0x800
    CLONE_SYSVSEM=0x1000<0x40000 CLONE_THREAD=0x2000<0x10000 CLONE_UNTRACED=0x4000<0x800000 CLONE_VM=0x8000<0x100
    CLONE_INVERTED=0x10000 NAME_CHANGED=0x20000 CLOSED=0x40000 CLONE_NEWUSER=0x100000<0x10000000
    CLONE_CHILD_CLEARTID=0x800000<0x200000 CLONE_CHILD_SETTID=0x1000000<0x1000000 CLONE_SETTLS=0x2000000<0x80000
    CLONE_STOPPED=0x4000000 CLONE_VFORK=0x8000000<0x4000 CLONE_NEWCGROUP=0x10000000<0x2000000
    CLONE_CHILD_IN_PIDNS=0x20000000
mount: RDONLY=0x1 NOSUID=0x2 NODEV=0x4 NOEXEC=0x8 SYNCHRONOUS=0x10 REMOUNT=0x20 MANDLOCK=0x40 DIRSYNC=0x80
    NOATIME=0x400 NODIRATIME=0x800 BIND=0x1000 MOVE=0x2000 REC=0x4000 SILENT=0x8000 POSIXACL=0x10000
    UNBINDABLE=0x20000 PRIVATE=0x40000 SLAVE=0x80000 SHARED=0x100000 RELATIME=0x200000 KERNMOUNT=0x400000
    I_VERSION=0x800000 STRICTATIME=0x1000000 LAZYTIME=0x2000000 NOSEC=0x10000000 BORN=0x20000000 ACTIVE=0x40000000
    NOUSER=0x80000000
umount: FORCE=0x1 DETACH=0x2 EXPIRE=0x4 NOFOLLOW=0x8
unlinkat: AT_REMOVEDIR=0x200
linkat: AT_SYMLINK_FOLLOW=0x400 AT_EMPTY_PATH=0x1000
newfstatat: AT_EMPTY_PATH=0x1000 AT_NO_AUTOMOUNT=0x800 AT_SYMLINK_NOFOLLOW=0x100
fchownat: AT_SYMLINK_NOFOLLOW=0x400<0x100 AT_EMPTY_PATH=0x1000<0x1000
renameat2: RENAME_NOREPLACE=0x1 RENAME_EXCHANGE=0x2 RENAME_WHITEOUT=0x4
resolve: RESOLVE_BENEATH=0x1<0x8 RESOLVE_IN_ROOT=0x2<0x10 RESOLVE_NO_MAGICLINKS=0x4<0x2 RESOLVE_NO_SYMLINKS=0x8<0x4
    RESOLVE_NO_XDEV=0x10<0x1 RESOLVE_CACHED=0x20<0x20
execve: EXE_WRITABLE=0x1<0x1 EXE_UPPER_LAYER=0x2<0x2 EXE_FROM_MEMFD=0x4<0x8 EXE_LOWER_LAYER=0x8<0x4
prot: PROT_READ=0x1<0x1 PROT_WRITE=0x2<0x2 PROT_EXEC=0x4<0x4 PROT_SEM=0x8<0x8 PROT_GROWSDOWN=0x10<0x1000000
    PROT_GROWSUP=0x20<0x2000000 PROT_SAO=0x40 PROT_NONE=0
mmap: MAP_SHARED=0x1<0x1 MAP_PRIVATE=0x2<0x2 MAP_FIXED=0x4<0x10 MAP_ANONYMOUS=0x8<0x20 MAP_32BIT=0x10<0x40
    MAP_RENAME=0x20 MAP_NORESERVE=0x40<0x4000 MAP_POPULATE=0x80<0x8000 MAP_NONBLOCK=0x100<0x10000
    MAP_GROWSDOWN=0x200<0x100 MAP_DENYWRITE=0x400<0x800 MAP_EXECUTABLE=0x800<0x1000 MAP_INHERIT=0x1000
    MAP_FILE=0x2000 MAP_LOCKED=0x4000<0x2000
splice: SPLICE_F_MOVE=0x1 SPLICE_F_NONBLOCK=0x2 SPLICE_F_MORE=0x4 SPLICE_F_GIFT=0x8
access: F_OK=0 R_OK=0x4 W_OK=0x2 X_OK=0x1
io_uring_enter: IORING_ENTER_GETEVENTS=0x1 IORING_ENTER_SQ_WAKEUP=0x2 IORING_ENTER_SQ_WAIT=0x4
    IORING_ENTER_EXT_ARG=0x8
io_uring_setup: IORING_SETUP_IOPOLL=0x1<0x1 IORING_SETUP_SQPOLL=0x2<0x2 IORING_SQ_NEED_WAKEUP=0x4
    IORING_SETUP_SQ_AFF=0x8<0x4 IORING_SETUP_CQSIZE=0x10<0x8 IORING_SETUP_CLAMP=0x20<0x10
    IORING_SETUP_ATTACH_RW=0x40<0x20 IORING_SETUP_R_DISABLED=0x80<0x40
io_uring_features: IORING_FEAT_SINGLE_MMAP=0x1<0x1 IORING_FEAT_NODROP=0x2<0x2 IORING_FEAT_SUBMIT_STABLE=0x4<0x4
    IORING_FEAT_RW_CUR_POS=0x8<0x8 IORING_FEAT_CUR_PERSONALITY=0x10<0x10 IORING_FEAT_FAST_POLL=0x20<0x20
    IORING_FEAT_POLL_32BITS=0x40<0x40 IORING_FEAT_SQPOLL_NONFIXED=0x80<0x80 IORING_FEAT_ENTER_EXT_ARG=0x100
    IORING_FEAT_NATIVE_WORKERS=0x200<0x200 IORING_FEAT_RSRC_TAGS=0x400<0x400
epoll: EPOLL_CLOEXEC=0x1<0x80000
memfd: MFD_CLOEXEC=0x1 MFD_ALLOW_SEALING=0x2 MFD_HUGETLB=0x4
pidfd: PIDFD_NONBLOCK=0x1<0x800
finit_module: MODULE_INIT_IGNORE_MODVERSIONS=0x1 MODULE_INIT_IGNORE_VERMAGIC=0x2 MODULE_INIT_COMPRESSED_FILE=0x4
delete_module: O_NONBLOCK=0x2<0x800 O_TRUNC=0x1<0x200
chmod: S_IXOTH=0x1 S_IWOTH=0x2 S_IROTH=0x4 S_IXGRP=0x8 S_IWGRP=0x10 S_IRGRP=0x20 S_IXUSR=0x40 S_IWUSR=0x80
    S_IRUSR=0x100 S_ISVTX=0x200 S_ISGID=0x400 S_ISUID=0x800
mknod: S_IXOTH=0x1 S_IWOTH=0x2 S_IROTH=0x4 S_IXGRP=0x8 S_IWGRP=0x10 S_IRGRP=0x20 S_IXUSR=0x40 S_IWUSR=0x80
    S_IRUSR=0x100 S_ISVTX=0x200 S_ISGID=0x400 S_ISUID=0x800 S_IFREG=0x8000 S_IFCHR=0x2000 S_IFBLK=0x6000
    S_IFIFO=0x1000 S_IFSOCK=0xc000
domain: AF_NFC=0x27 AF_ALG=0x26 AF_CAIF=0x25 AF_IEEE802154=0x24 AF_PHONET=0x23 AF_ISDN=0x22 AF_RXRPC=0x21
    AF_IUCV=0x20 AF_BLUETOOTH=0x1f AF_TIPC=0x1e AF_CAN=0x1d AF_LLC=0x1a AF_WANPIPE=0x19 AF_PPPOX=0x18 AF_IRDA=0x17
    AF_SNA=0x16 AF_RDS=0x15 AF_ATMSVC=0x14 AF_ECONET=0x13 AF_ASH=0x12 AF_PACKET=0x11 AF_ROUTE=0x10 AF_NETLINK=0x10
    AF_KEY=0xf AF_SECURITY=0xe AF_NETBEUI=0xd AF_DECnet=0xc AF_ROSE=0xb AF_INET6=0xa AF_X25=0x9 AF_ATMPVC=0x8
    AF_BRIDGE=0x7 AF_NETROM=0x6 AF_APPLETALK=0x5 AF_IPX=0x4 AF_AX25=0x3 AF_INET=0x2 AF_LOCAL=0x1 AF_UNIX=0x1
    AF_UNSPEC=0
shutdown: SHUT_UNKNOWN=0xffff SHUT_RDWR=0x2 SHUT_WR=0x1 SHUT_RD=0
whence: SEEK_END=0x2 SEEK_CUR=0x1 SEEK_SET=0
fcntl: F_GETPIPE_SZ=0x1d<0x408 F_SETPIPE_SZ=0x1c<0x407 F_NOTIFY=0x1b<0x402 F_DUPFD_CLOEXEC=0x1a<0x406
    F_CANCELLK=0x19<0x405 F_GETLEASE=0x18<0x401 F_SETLEASE=0x17<0x400 F_GETOWN_EX=0x16<0x10 F_SETOWN_EX=0x15<0xf
    F_GETSIG=0xf<0xb F_SETSIG=0xd<0xa F_GETOWN=0xc<0x9 F_SETOWN=0xa<0x8 F_SETLKW=0x9<0x7 F_SETLK=0x8<0x6
    F_GETLK=0x6<0x5 F_SETFL=0x5<0x4 F_GETFL=0x4<0x3 F_SETFD=0x3<0x2 F_GETFD=0x2<0x1 F_DUPFD=0x1<0x0
    F_OFD_GETLK=0x1e<0x24 F_OFD_SETLK=0x1f<0x25 F_OFD_SETLKW=0x20<0x26 UNKNOWN=0
ptrace: PTRACE_SINGLEBLOCK=0x26<0x21 PTRACE_SYSEMU_SINGLESTEP=0x25<0x20 PTRACE_SYSEMU=0x24<0x1f
    PTRACE_ARCH_PRCTL=0x23<0x1e PTRACE_SET_THREAD_AREA=0x22<0x1a PTRACE_GET_THREAD_AREA=0x21<0x19
    PTRACE_OLDSETOPTIONS=0x20<0x15 PTRACE_SETFPXREGS=0x1f<0x13 PTRACE_GETFPXREGS=0x1e<0x12 PTRACE_SETFPREGS=0x1d<0xf
    PTRACE_GETFPREGS=0x1c<0xe PTRACE_SETREGS=0x1b<0xd PTRACE_GETREGS=0x1a<0xc PTRACE_SETSIGMASK=0x19<0x420b
    PTRACE_GETSIGMASK=0x18<0x420a PTRACE_PEEKSIGINFO=0x17<0x4209 PTRACE_LISTEN=0x16<0x4208
    PTRACE_INTERRUPT=0x15<0x4207 PTRACE_SEIZE=0x14<0x4206 PTRACE_SETREGSET=0x13<0x4205 PTRACE_GETREGSET=0x12<0x4204
    PTRACE_SETSIGINFO=0x11<0x4203 PTRACE_GETSIGINFO=0x10<0x4202 PTRACE_GETEVENTMSG=0xf<0x4201
    PTRACE_SETOPTIONS=0xe<0x4200 PTRACE_SYSCALL=0xd<0x18 PTRACE_DETACH=0xc<0x11 PTRACE_ATTACH=0xb<0x10
    PTRACE_SINGLESTEP=0xa<0x9 PTRACE_KILL=0x9<0x8 PTRACE_CONT=0x8<0x7 PTRACE_POKEUSR=0x7<0x6 PTRACE_POKEDATA=0x6<0x5
    PTRACE_POKETEXT=0x5<0x4 PTRACE_PEEKUSR=0x4<0x3 PTRACE_PEEKDATA=0x3<0x2 PTRACE_PEEKTEXT=0x2<0x1
    PTRACE_TRACEME=0x1<0x0 PTRACE_UNKNOWN=0
prctl: PR_GET_DUMPABLE=0x3 PR_SET_DUMPABLE=0x4 PR_GET_KEEPCAPS=0x7 PR_SET_KEEPCAPS=0x8 PR_SET_NAME=0xf
    PR_GET_NAME=0x10 PR_GET_SECCOMP=0x15 PR_SET_SECCOMP=0x16 PR_CAPBSET_READ=0x17 PR_CAPBSET_DROP=0x18
    PR_GET_SECUREBITS=0x1b PR_SET_SECUREBITS=0x1c PR_MCE_KILL=0x21 PR_SET_MM=0x23 PR_SET_CHILD_SUBREAPER=0x24
    PR_GET_CHILD_SUBREAPER=0x25 PR_SET_NO_NEW_PRIVS=0x26 PR_GET_NO_NEW_PRIVS=0x27 PR_GET_TID_ADDRESS=0x28
    PR_SET_THP_DISABLE=0x29 PR_GET_THP_DISABLE=0x2a PR_CAP_AMBIENT=0x2f
bpf: BPF_MAP_CREATE=0 BPF_MAP_LOOKUP_ELEM=0x1 BPF_MAP_UPDATE_ELEM=0x2 BPF_MAP_DELETE_ELEM=0x3
    BPF_MAP_GET_NEXT_KEY=0x4 BPF_PROG_LOAD=0x5 BPF_OBJ_PIN=0x6 BPF_OBJ_GET=0x7 BPF_PROG_ATTACH=0x8
    BPF_PROG_DETACH=0x9 BPF_PROG_TEST_RUN=0xa BPF_PROG_RUN=0xa BPF_PROG_GET_NEXT_ID=0xb BPF_MAP_GET_NEXT_ID=0xc
    BPF_PROG_GET_FD_BY_ID=0xd BPF_MAP_GET_FD_BY_ID=0xe BPF_OBJ_GET_INFO_BY_FD=0xf BPF_PROG_QUERY=0x10
    BPF_RAW_TRACEPOINT_OPEN=0x11 BPF_BTF_LOAD=0x12 BPF_BTF_GET_FD_BY_ID=0x13 BPF_TASK_FD_QUERY=0x14
    BPF_MAP_LOOKUP_AND_DELETE_ELEM=0x15 BPF_MAP_FREEZE=0x16 BPF_BTF_GET_NEXT_ID=0x17 BPF_MAP_LOOKUP_BATCH=0x18
    BPF_MAP_LOOKUP_AND_DELETE_BATCH=0x19 BPF_MAP_UPDATE_BATCH=0x1a BPF_MAP_DELETE_BATCH=0x1b BPF_LINK_CREATE=0x1c
    BPF_LINK_UPDATE=0x1d BPF_LINK_GET_FD_BY_ID=0x1e BPF_LINK_GET_NEXT_ID=0x1f BPF_ENABLE_STATS=0x20
    BPF_ITER_CREATE=0x21 BPF_LINK_DETACH=0x22 BPF_PROG_BIND_MAP=0x23 BPF_TOKEN_CREATE=0x24
    BPF_PROG_STREAM_READ_BY_FD=0x25
keyctl: KEYCTL_GET_KEYRING_ID=0 KEYCTL_JOIN_SESSION_KEYRING=0x1 KEYCTL_UPDATE=0x2 KEYCTL_REVOKE=0x3 KEYCTL_CHOWN=0x4
    KEYCTL_SETPERM=0x5 KEYCTL_DESCRIBE=0x6 KEYCTL_CLEAR=0x7 KEYCTL_LINK=0x8 KEYCTL_UNLINK=0x9 KEYCTL_SEARCH=0xa
    KEYCTL_READ=0xb KEYCTL_INSTANTIATE=0xc KEYCTL_NEGATE=0xd KEYCTL_SET_REQKEY_KEYRING=0xe KEYCTL_SET_TIMEOUT=0xf
    KEYCTL_ASSUME_AUTHORITY=0x10 KEYCTL_GET_SECURITY=0x11 KEYCTL_SESSION_TO_PARENT=0x12 KEYCTL_REJECT=0x13
    KEYCTL_INSTANTIATE_IOV=0x14 KEYCTL_INVALIDATE=0x15 KEYCTL_GET_PERSISTENT=0x16 KEYCTL_DH_COMPUTE=0x17
    KEYCTL_PKEY_QUERY=0x18 KEYCTL_PKEY_ENCRYPT=0x19 KEYCTL_PKEY_DECRYPT=0x1a KEYCTL_PKEY_SIGN=0x1b
    KEYCTL_PKEY_VERIFY=0x1c KEYCTL_RESTRICT_KEYRING=0x1d KEYCTL_MOVE=0x1e KEYCTL_CAPABILITIES=0x1f
    KEYCTL_WATCH_KEY=0x20
io_uring_register: IORING_REGISTER_BUFFERS=0 IORING_UNREGISTER_BUFFERS=0x1 IORING_REGISTER_FILES=0x2
    IORING_UNREGISTER_FILES=0x3 IORING_REGISTER_EVENTFD=0x4 IORING_UNREGISTER_EVENTFD=0x5
    IORING_REGISTER_FILES_UPDATE=0x6 IORING_REGISTER_EVENTFD_ASYNC=0x7 IORING_REGISTER_PROBE=0x8
    IORING_REGISTER_PERSONALITY=0x9 IORING_UNREGISTER_PERSONALITY=0xa IORING_REGISTER_RESTRICTIONS=0xb
    IORING_REGISTER_ENABLE_RINGS=0xc IORING_REGISTER_FILES2=0xd IORING_REGISTER_FILES_UPDATE2=0xe
    IORING_REGISTER_BUFFERS2=0xf IORING_REGISTER_BUFFERS_UPDATE=0x10 IORING_REGISTER_IOWQ_AFF=0x11
    IORING_UNREGISTER_IOWQ_AFF=0x12 IORING_REGISTER_IOWQ_MAX_WORKERS=0x13 IORING_REGISTER_RING_FDS=0x14
    IORING_UNREGISTER_RING_FDS=0x15
"""


@dataclass(frozen=True, slots=True)
class Flags:
    """Names of bits or of values. *kernel* maps the kernel's numbers to Falco's; empty: they are the same."""

    names: tuple[tuple[str, int], ...]
    kernel: tuple[tuple[int, int], ...]

    def convert(self, value: int) -> int:
        """Return Falco's number for the kernel's bits *value*."""
        if not self.kernel:
            return value & 0xFFFFFFFF
        result = 0
        for bits, falco in self.kernel:
            if value & bits == bits:
                result |= falco
        return result

    def convert_enum(self, value: int) -> int:
        """Return Falco's number for the kernel's *value*; 0 where Falco has none."""
        if not self.kernel:
            return value & 0xFFFFFFFF
        return next((falco for number, falco in self.kernel if number == value), 0)

    def bits(self, value: int) -> str:
        """Return the names of the bits that are set in Falco's *value*, joined by ``|``."""
        found, left = [], value
        for name, bits in self.names:
            if (bits == 0 and value == 0) or (bits and left & bits == bits):
                found.append(name)
                left &= ~bits
                if bits == value:
                    break
        return "|".join(found)

    def enum(self, value: int) -> str:
        """Return every name of Falco's *value*, joined by ``|``."""
        return "|".join(name for name, number in self.names if number == value)


def _parse(text: str) -> dict[str, Flags]:
    tables: dict[str, list[str]] = {}
    for line in text.strip().splitlines():
        if not line.startswith(" "):
            name, _, line = line.partition(": ")
            tables[name] = words = []
        words += line.split()
    return {name: _flags(words) for name, words in tables.items()}


def _flags(words: list[str]) -> Flags:
    names, kernel = [], []
    for word in words:
        name, _, numbers = word.partition("=")
        falco, _, own = numbers.partition("<")
        names.append((name, int(falco, 0)))
        if own:
            kernel.append((int(own, 0), int(falco, 0)))
    return Flags(tuple(names), tuple(kernel))


TABLES: dict[str, Flags] = _parse(_TABLES)

# fcntl.h: four flags of open(2) have other numbers on arm64.
_ARM = platform.machine() == "aarch64"
_O_DIRECTORY, _O_DIRECT, _O_LARGEFILE = (0o40000, 0o200000, 0o400000) if _ARM else (0o200000, 0o40000, 0o100000)
_O_TMPFILE = 0o20000000 | _O_DIRECTORY
_OPEN = (
    (0o100, 0x4),
    (_O_TMPFILE, 0x2000),
    (0o2000, 0x8),
    (0o10000, 0x10),
    (0o200, 0x20),
    (0o4000, 0x40),
    (0o4010000, 0x80),
    (0o1000, 0x100),
    (_O_DIRECT, 0x200),
    (_O_DIRECTORY, 0x400),
    (_O_LARGEFILE, 0x800),
    (0o2000000, 0x1000),
)
OPEN_CREATED, OPEN_TMPFILE = 0x4000, 0x2000
OPEN_UPPER_LAYER, OPEN_LOWER_LAYER = 0x8000, 0x10000
O_CREAT = 0o100


@lru_cache(1024)
def open_flags(flags: int) -> int:
    """Return Falco's number for the flags of open(2)."""
    result = (flags & 3) + 1 if flags & 3 != 3 else 0
    for bits, falco in _OPEN:
        if flags & bits == bits:
            result |= falco
    return result


@lru_cache(1024)
def open_flag_names(flags: int) -> str:
    """Return the names behind Falco's number for the flags of open(2)."""
    return TABLES["open"].bits(flags)


def wants_mode(flags: int) -> bool:
    """Tell whether open(2) with these *flags* reads its mode argument."""
    return bool(flags & O_CREAT) or flags & _O_TMPFILE == _O_TMPFILE


#: Signal names by number, as Falco writes them.
SIGNALS = {number.value: number.name for number in signal.Signals} | {6: "SIGABRT", 17: "SIGCHLD", 29: "SIGIO"}


def signal_names(mask: int) -> list[str]:
    """Return the names of the signals in a set, bit 0 being signal 1."""
    return [SIGNALS[bit + 1] for bit in range(32) if mask >> bit & 1 and bit + 1 in SIGNALS]


def errno_name(value: int) -> str:
    """Return ``ENOENT`` for -2 (or 2); "" where there is no such number."""
    return _ERRNO.get(abs(value), "")


# What the kernel uses inside and lets out only by mistake is named too, and where two names have one number, Falco's.
_ERRNO = dict(errno.errorcode) | {11: "EAGAIN", 35: "EDEADLK", 95: "EOPNOTSUPP"}
_ERRNO |= {512: "ERESTARTSYS", 513: "ERESTARTNOINTR", 514: "ERESTARTNOHAND", 516: "ERESTART_RESTARTBLOCK"}

_CAPABILITIES = """
chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service
net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin
sys_boot sys_nice
sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog
wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore
"""
CAPABILITIES = tuple(f"CAP_{name.upper()}" for name in _CAPABILITIES.split())
ALL_CAPABILITIES = (1 << len(CAPABILITIES)) - 1


def capability_names(bits: int) -> str:
    """Return the names of the capabilities in *bits*, joined by blanks."""
    return " ".join(name for bit, name in enumerate(CAPABILITIES) if bits >> bit & 1)
