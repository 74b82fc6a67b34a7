"""Rules and events by chance, from small pools, so that they meet often."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from socket import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX

from workload.handmade import Task, record

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.ir import Expr
from falcohost.engine.typecheck import check
from falcohost.lang.parser import parse
from falcohost_syscall.calls.flags import O_CREAT
from falcohost_syscall.calls.rows import BY_NAME, Call
from falcohost_syscall.events.event import AT_FDCWD
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.parameters.values import FMODE_CREATED
from falcohost_syscall.records import record as R


def _words(text: str) -> list[str]:
    return text.split()


CATALOG = Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))
EVENT_TYPES = _words(
    """
    open openat openat2 creat open_by_handle_at read write connect accept4 bind listen sendto sendmsg recvfrom recvmsg
    dup dup3 close socket unlink truncate unlinkat rename renameat2 linkat symlink symlinkat chmod fchmodat mkdir mount
    chroot setuid bpf ptrace prctl setns unshare clone clone3 setresuid fchownat mknodat pipe2 fcntl getpid execve
    execveat procexit fchmodat2 preadv2 pwritev2 getsockname setsockopt semctl semop futex poll prlimit getcwd getresuid
    keyctl quotactl nanosleep mmap brk llseek signaldeliver switch page_fault
    """
)
HOST, CONTAINER, UNKNOWN = 7, 8, 9
CONTAINER_ID = "ab" * 32

PATHS = _words(
    """
    /etc/shadow /etc/passwd /etc/pam.d/login /etc /var/log/syslog /root/.ssh/id_rsa /home/a/.ssh/id_ed25519.pub
    / /x /etc//shadow /etc/../x ../etc/shadow shadow /usr/lib/x.so /proc/1/mem /dev/null /tmp/é /var/log
    /etc/shadow- a/b . /root/.ssh/ /a/./b /.. /..x/.y /etc/.
    /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs/etc/ld.so.preload
    """
)
LONG = "/long/" + "x" * 290 + "/shadow"
TEXTS = [
    *PATHS,
    "/run/docker.sock",
    "docker.sock",
    "@abstract",
    LONG[:250],
    LONG[-255:],
    "/etc/",
    "/etc/sha",
    "shadow",
    "id_rsa",
    ".so",
    "/.ssh/",
    "syslog",
    "log",
    "pass",
    "/",
    "é",
    "x",
    "mem",
]
GLOBS = ["/etc/*", "*shadow", "*.ssh*", "/home/*/.ssh/*", "/etc/?hadow", "/proc/*/mem", "*../*", "*", "/[ev]*", "/x"]
REGEXES = [
    "/etc/.*",
    ".*shadow",
    "/home/[a-z]+/[.]ssh/.*",
    ".*[.]ssh/id.*",
    "(/etc|/root)/.*",
    "/x|/y.*",
    "/+etc.*",
    ".*/mem",
]
ADDRESSES = ["10.0.0.1", "127.0.0.1", "0.0.0.0", "192.168.1.2", "8.8.8.8", "::1", "2001:db8::1", "::"]
NETWORKS = ["10.0.0.0/8", "127.0.0.0/8", "0.0.0.0/1", "192.168.1.2/32", "2001:db8::/32", "fc00::/7", "128.0.0.0/1"]
PORTS = [0, 22, 80, 443, 8080, 40000, 65535]
ERRORS = [0, 1, 3, 5, -errno.EPERM, -errno.ENOENT, -errno.EINPROGRESS, -errno.EACCES, -4000, 1 << 40]
NUMBERS = [
    0,
    1,
    2,
    3,
    5,
    16,
    AT_FDCWD & 0xFFFFFFFF,
    0o100,
    0o1101,
    0o102,
    0o2000000,
    0x40000000,
    0xFFFFFFFF,
    1 << 33,
    0o4755,
]
PIDS = [-1, 1, 5_000_000, 5_000_001, 5_000_002, 5_000_009, 34816]

_TEXT_OPS = _words(
    """
    = = != in in intersects startswith endswith contains contains icontains glob iglob regex pmatch exists many searches
    startswith_anyof contains_anyof endswith_allof contains_allof
    """
)
_TEXT_FIELDS = _words(
    """
    fd.name fd.directory fd.filename fd.nameraw fd.type fd.typechar fd.l4proto fd.sockfamily evt.type evt.res
    evt.arg.name evt.arg.path evt.arg.oldpath evt.arg.newpath evt.arg.dev evt.arg.linkpath evt.arg.target
    evt.io_dir container.id proc.name user.name user.loginname user.homedir group.name
    evt.arg.cmd evt.arg.domain evt.arg.request evt.arg.option
    syscall.type evt.dir evt.arg[0] evt.arg.fd fs.path.name fs.path.nameraw fs.path.source fs.path.sourceraw
    fs.path.target fs.path.targetraw
    container.type container.name container.image.repository container.label.x k8s.ns.name k8s.pod.label.x
    fd.name.real fd.name.host fd.name.watched fd.name.requested evt.abspath evt.abspath.src evt.abspath.dst
    container.mount.dest[/etc] evt.arg.arg2_str evt.arg.uid evt.arg.euid evt.arg.gid
    evt.arg.op evt.arg.resource evt.arg.special evt.arg.quotafilepath evt.arg.val evt.arg.arg3 evt.arg.ruid evt.arg.sig
    evt.arg.next evt.arg.error evt.arg.fds evt.arg.sem_flg_0 evt.arg.whence fd.types fd.types[0] fdlist.names
    proc.stdin.name proc.stdout.type
    """
)
_PROCESS_FIELDS = _words(
    """
    proc.name proc.pname proc.exe proc.exepath proc.args proc.cmdline proc.pexe proc.pexepath proc.pcmdline
    proc.aname proc.aname[0] proc.aname[1] proc.aname[2] proc.aname[5] proc.aname[7] proc.aname[9] proc.aexe[1]
    proc.aexepath[0] proc.acmdline[1] proc.aargs[1] proc.args[0] proc.acmdline proc.exeline proc.aexe[3] proc.aexepath
    proc.env proc.env proc.env[LD_PRELOAD] proc.env[x] proc.aenv proc.aenv[LD_PRELOAD]
    proc.aexepath[2] proc.acmdline[7] proc.acmdline[8] proc.aargs[4] proc.aargs proc.aexe
    """
)
_PROCESS_TEXTS = _words(
    """
    bash sshd cat runc:[2:INIT] sh /usr/bin/bash /usr/sbin/sshd memfd:x /tmp/a /x -bash -c -D shadow /etc/shadow x y
    a-name-of-15-by héé b s /tmp/ LD_PRELOAD GLIBC_TUN HOME= xff x=
    """
)
_PROCESS_TEXTS += ["y" * 200 + " shadow", "y" * 249 + " cat", "y" * 249]
_PROCESS_TEXTS += ["bash -c cat /etc/shadow", "cat /etc/shadow", "-c cat", "-D -o a=b", "sshd ", " x ", "x", "", "/"]
_PROCESS_GLOBS = ["*sh", "bash *", "*/etc/*", "/usr/*/sshd", "?", "*", "* -o *"]
_MODE_GLOBS = ["04???", "06*", "0?", "0", "*7*", "0[46]???", "*"]
_FLAG_FIELDS = ["evt.arg.flags", "evt.arg.mode", "thread.cap_effective", "thread.cap_permitted"]
_NUMBER_FIELDS = _words(
    """
    evt.rawres fd.num user.uid group.gid proc.pid thread.tid evt.buflen user.loginuid proc.vpid fd.ino proc.ppid
    proc.duration proc.tty thread.vtid proc.apid proc.apid[0] proc.apid[2] proc.apid[7] proc.apid[8]
    evt.rawarg.mode evt.rawarg.flags evt.rawarg.dirfd evt.rawarg.size evt.rawarg.addr evt.rawarg.fd evt.rawarg.pid
    evt.rawarg.cur evt.rawarg.newmax evt.rawarg.offset evt.rawarg.interval evt.rawarg.semnum evt.rawarg.vm_rss
    evt.rawarg.next evt.rawarg.op evt.rawarg.cmd evt.rawarg.dqb_btime proc.vmsize proc.vmrss proc.nthreads proc.fdlimit
    proc.fdopencount thread.pfminor thread.exectime
    """
)
_PORT_FIELDS = ["fd.sport", "fd.cport", "fd.lport", "fd.rport", "fd.port"]
_ADDRESS_FIELDS = ["fd.sip", "fd.cip", "fd.lip", "fd.rip", "fd.ip"]
_NETWORK_FIELDS = ["fd.snet", "fd.cnet", "fd.lnet", "fd.rnet", "fd.net"]
_TRUTH_FIELDS = _words(
    """
    evt.failed evt.is_open_read evt.is_open_write evt.is_io evt.is_io_read evt.is_open_create fd.is_server
    fd.name_changed evt.is_open_exec fd.connected fd.connected container.privileged container.host_network
    proc.is_exe_writable proc.is_exe_upper_layer proc.is_exe_lower_layer proc.is_exe_from_memfd
    """
)
_WORDS = _words(
    """
    file directory ipv4 ipv6 unix pipe f d 4 6 u p o tcp udp icmp raw <NA> ip SUCCESS ENOENT EPERM EINPROGRESS E
    host abababababab /root /home/a openat connect read write dup bash root
    <NONE> 1000 docker podman
    BPF_PROG_LOAD AF_INET PTRACE_ATTACH PR_SET_NAME >
    """
)
_FLAG_NAMES = _words(
    """
    O_RDONLY O_WRONLY O_RDWR O_TRUNC O_CREAT O_EXCL O_CLOEXEC O_DIRECTORY O_TMPFILE O_F_CREATED S_ISUID S_IXUSR
    CAP_SYS_ADMIN CAP_SYS sys_module CLONE_NEWUSER CLONE_NEW RDONLY BIND AT_REMOVEDIR O_ E | 4
    """
)


def accounts(root: Path) -> Path:
    """Write the files of users and groups below *root*, and return that; some events are of none of them."""
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nbash:x:1000:5::/home/a:/bin/bash\n")
    (root / "etc/group").write_text("root:x:0:\nread:x:5:\n")
    return root


def condition(random: Random, depth: int = 3, catalog: Catalog = CATALOG) -> Expr:
    """Return a random condition that the compiler takes."""
    while True:
        try:
            return check(parse(_condition(random, depth)), catalog).expr
        except TypeCheckError:
            continue


def _condition(random: Random, depth: int) -> str:
    kind = random.random()
    if depth == 0 or kind < 0.3:
        return _check(random)
    if kind < 0.45:
        return f"not ({_condition(random, depth - 1)})"
    joint = " and " if kind < 0.75 else " or "
    return "(" + joint.join(_condition(random, depth - 1) for _ in range(random.randint(2, 3))) + ")"


def _check(random: Random) -> str:
    kind = random.randrange(13)
    pick = random.choice
    if kind <= 4:
        return _text_check(random)
    if kind == 5:
        return f"{pick(_FLAG_FIELDS)} {pick(('contains', 'icontains', '=', 'startswith'))} '{pick(_FLAG_NAMES)}'"
    if kind == 6:
        return f"{pick(_NUMBER_FIELDS)} {pick(('=', '!=', '<', '<=', '>', '>='))} {pick(ERRORS + PIDS)}"
    if kind == 7:
        return f"{pick(_NUMBER_FIELDS)} in ({', '.join(str(pick(ERRORS + PIDS)) for _ in range(random.randint(1, 3)))})"
    if kind == 8:
        field, op = pick(_PORT_FIELDS), pick(("=", "!=", "<", ">="))
        return f"{field} {op} {pick(PORTS)}" if random.random() < 0.6 else f"{field} in (80, 443, {pick(PORTS)})"
    if kind == 9:
        return f"{pick(_ADDRESS_FIELDS)} {pick(('=', '!='))} {pick(ADDRESSES)}"
    if kind == 10:
        return f"{pick(_NETWORK_FIELDS)} in ({', '.join(pick(NETWORKS) for _ in range(random.randint(1, 3)))})"
    if kind == 11:
        return f"evt.arg.mode {pick(('glob', 'glob', '=', 'startswith'))} '{pick(_MODE_GLOBS)}'"
    return f"{pick(_TRUTH_FIELDS)} {pick(('=', '!='))} {pick(('true', 'false'))}"


def _text_check(random: Random) -> str:
    pick = random.choice
    if random.random() < 0.4:
        return _comparison(random, pick(_PROCESS_FIELDS), _PROCESS_TEXTS, _PROCESS_GLOBS)
    return _comparison(random, pick(_TEXT_FIELDS), TEXTS if random.random() < 0.7 else _WORDS, GLOBS)


def _comparison(random: Random, field: str, pool: list[str], globs: list[str]) -> str:
    pick = random.choice
    op = pick(_TEXT_OPS)
    if op == "exists":
        return f"{field} exists"
    if op in ("glob", "iglob", "regex"):
        pattern = pick(REGEXES if op == "regex" else globs)
        return f"{field} {op} '{pattern.title() if op == 'iglob' else pattern}'"
    if op == "icontains":
        return f"{field} icontains '{pick(pool).title()}'"
    if op == "searches":
        op = pick(("contains", "icontains"))
        return "(" + " or ".join(f"{field} {op} '{text}'" for text in random.sample(pool, random.randint(2, 6))) + ")"
    if op == "many":
        return f"{field} in ({', '.join(repr(text) for text in random.sample(pool, 12))})"
    if "_" in op:
        op = op.replace("_", " ")
    if op in ("in", "intersects", "pmatch") or " " in op:
        return f"{field} {op} ({', '.join(repr(pick(pool)) for _ in range(random.randint(1, 4)))})"
    return f"{field} {op} '{pick(pool)}'"


def event(random: Random, name: str, tasks: Sequence[Task]) -> bytes:
    """Return the record of a random event of a type, by one of *tasks*."""
    row = BY_NAME[name]
    pick = random.choice
    task = replace(
        pick(tasks),
        uid=pick((0, 1, 1000)),
        gid=pick((0, 5)),
        loginuid=pick((0xFFFFFFFF, 1000)),
        caps=random.getrandbits(41) if random.random() < 0.5 else pick((0, 1 << 21)),
        cgroup=pick((HOST, CONTAINER, UNKNOWN)),
    )
    args = tuple(pick(NUMBERS) for _ in range(6))
    sections = _sections(random, row)
    if R.SEC_FD in sections and may_make(row, args) and random.random() < 0.5:
        sections[R.SEC_FD] = R.FDINFO.pack(*R.FDINFO.unpack(sections[R.SEC_FD])[:-2], FMODE_CREATED, 0)
    hosts = {R.SEC_HOSTPATH, R.SEC_WATCHED, R.SEC_HOSTDIR, R.SEC_HOSTDIR2, R.SEC_REALHOST, R.SEC_REALHOST2}
    flags = 0 if hosts.isdisjoint(sections) else R.FLAG_OTHER_NAME
    ret = pick([error for error in ERRORS if error <= 0] if name == "connect" else ERRORS)
    return record(R.KIND_CALL, task, sections, call=row.call, ret=ret, args=args, flags=flags)


def may_make(row: Call, args: Sequence[int]) -> bool:
    """Return whether the kernel may have created the event's file; openat2 may have changed its flags since."""
    return row.name == "openat2" or (row.open_flags is not None and bool(args[row.open_flags] & O_CREAT))


def _sections(random: Random, row: Call) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if row.want & R.WANT_FD:
        found |= _object(random)
    for want, tag, directory in (
        (R.WANT_PATH, R.SEC_PATH, R.SEC_DIR),
        (R.WANT_PATH2, R.SEC_PATH2, R.SEC_DIR2),
        (R.WANT_STR, R.SEC_STR, 0),
    ):
        if row.want & want and random.random() < 0.9:
            found[tag] = _text(random)
            if directory and not found[tag].startswith(b"/"):
                found[directory] = random.choice((b"/etc", b"/", b"/root/.ssh"))
            if directory and not row.want & R.WANT_FD and random.random() < 0.2:
                found[R.SEC_HOSTDIR if tag == R.SEC_PATH else R.SEC_HOSTDIR2] = b"/srv/container"
    if row.leads and random.random() < 0.4:
        found |= _led_to(random, two=not {"path_rename", "path_link"}.isdisjoint(row.hooks))
    if row.want & R.WANT_STRUCT and random.random() < 0.9:
        found[R.SEC_STRUCT] = random.choice((0, 1 << 28, 1 << 29, 0x10000, random.getrandbits(40))).to_bytes(
            32, "little"
        )
    if row.values and random.random() < 0.8:
        words = (pick.to_bytes(8, "little") for pick in random.choices((0, 1, 3, 7, (1 << 64) - 1, 1 << 33), k=9))
        found |= {R.SEC_VALUE: b"".join(words), R.SEC_VALUE2: b"/etc/shadow\0\0\0\0\0", R.SEC_VALUE3: bytes(16)}
    if random.random() < 0.3:
        found[R.SEC_RESOURCES] = R.RESOURCES.pack(300, random.choice((0, 1, 2)), 0, 0, 16, 1024, 5, 3)
        found[R.SEC_FD_TYPES] = (1 << R.TYPE_FILE | 1 << R.TYPE_IPV4).to_bytes(4, "little")
    if row.want & R.WANT_PAIR and random.random() < 0.8:
        found[R.SEC_PAIR] = bytes((5, 0, 0, 0, 6, 0, 0, 0))
    if row.want & (R.WANT_SOCKADDR | R.WANT_MSGHDR | R.WANT_SENDER) and random.random() < 0.8:
        found[R.SEC_SOCKADDR] = _sockaddr(random)
    return found


def _led_to(random: Random, *, two: bool) -> dict[int, bytes]:
    tags = {R.SEC_REALPATH: R.SEC_REALHOST} | ({R.SEC_REALPATH2: R.SEC_REALHOST2} if two else {})
    found = {tag: _path(random) for tag in tags}
    return found | {host: _path(random) for host in tags.values() if random.random() < 0.3}


def _text(random: Random) -> bytes:
    special = random.random()
    if special < 0.05:
        return b"/tmp/\xff\xe2\x82"
    if special < 0.1:
        return LONG.encode()
    return b"" if special < 0.13 else random.choice(PATHS).encode()


def _object(random: Random) -> dict[int, bytes]:
    kind = random.random()
    if kind < 0.15:
        return {}
    if kind < 0.5:
        info = _info(random.choice((0o100644, 0o040755, 0o020666, 0o010644)))
        host = {R.SEC_HOSTPATH: _path(random)} if random.random() < 0.3 else {}
        watched = {R.SEC_WATCHED: b"/etc/shadow\0/x\0"} if random.random() < 0.2 else {}
        return {R.SEC_FD: info, R.SEC_FDPATH: _path(random), **host, **watched}
    if kind < 0.6:
        name = random.choice((b"[eventpoll]", b"memfd:/etc/shadow", b"anon_inode:[eventfd]", b"/"))
        return {R.SEC_FD: _info(random.choice((0, 0o100600)), random.choice((0, 0x50494446))), R.SEC_FDPATH: name}
    if kind < 0.65:
        return {R.SEC_FD: _info(random.choice((0o010600, 0o100600)))}
    return {R.SEC_FD: _info(0o140777), **_socket(random)}


def _path(random: Random) -> bytes:
    if random.random() < 0.05:
        return LONG.encode()
    return random.choice([path for path in PATHS if path.startswith("/") and "//" not in path]).encode()


def _info(mode: int, magic: int = 0xEF53) -> bytes:
    return R.FDINFO.pack(42, mode, 0xFE00, magic, 0, 0, 0)


def _socket(random: Random) -> dict[int, bytes]:
    family = random.choice((AF_INET, AF_INET, AF_INET6, AF_INET6, AF_UNIX, AF_NETLINK, 17))
    ends = [_address(random, family).ljust(16, b"\0") for _ in range(2)]
    ports = [random.choice(PORTS) for _ in range(2)]
    if family not in (AF_INET, AF_INET6):
        ends, ports = [bytes(16)] * 2, [0, 0]
    kind, protocol = random.choice((1, 1, 2, 3, 5)), random.choice((0, 6, 1, 58))
    objects = (5, random.choice((0, 7))) if family == AF_UNIX else (0, 0)
    state = random.choice((1, 10))
    found = {R.SEC_SOCK: R.SOCKINFO.pack(family, kind, protocol, state, *ports, 0, *ends, 99, *objects)}
    if family == AF_UNIX:
        names = (b"", b"/run/docker.sock\0", b"\0abstract")
        found[R.SEC_UNIX] = random.choice(names)
        if objects[1]:
            found[R.SEC_UNIXPEER] = random.choice(names)
    return found


def _address(random: Random, family: int) -> bytes:
    if family == AF_INET:
        return random.choice((bytes(4), b"\x7f\0\0\1", b"\x0a\0\0\1", b"\xc0\xa8\1\2", b"\x08\x08\x08\x08"))
    mapped = bytes(10) + b"\xff\xff\x7f\0\0\1"
    return random.choice((bytes(16), bytes(15) + b"\1", b"\x20\1\x0d\xb8" + bytes(11) + b"\1", mapped))


def _sockaddr(random: Random) -> bytes:
    family = random.choice((AF_INET, AF_INET6, AF_UNIX))
    port = random.choice(PORTS).to_bytes(2, "big")
    head = family.to_bytes(2, "little")
    if family == AF_UNIX:
        return head + b"/run/docker.sock\0"
    if family == AF_INET:
        return head + port + _address(random, AF_INET) + bytes(random.choice((0, 8)))
    return (head + port + bytes(4) + _address(random, AF_INET6) + bytes(4))[: random.choice((28, 28, 20))]
