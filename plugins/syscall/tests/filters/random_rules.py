"""Rules by chance, from the same small pools as events (random_events.py), so that they meet often."""

from __future__ import annotations

from random import Random

from random_events import CATALOG, ERRORS, LENGTHS, LONG, PATHS, PIDS, PORTS, long, words

from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.ir import Expr
from falcohost.engine.typecheck import check
from falcohost.lang.parser import parse

TEXTS = [
    *PATHS,
    "/run/docker.sock",
    "docker.sock",
    "@abstract",
    LONG[:250],
    LONG[-255:],
    *(long(length) for length in LENGTHS),
    long(4095)[:4000],
    long(300)[40:],
    "É",
    "é",
    "/éTC/S",
    "k",
    "ſ",
    "\ufffd",
    "\\xff",
    "xe2\\x82",
    "9tc/",
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
ADDRESSES = ["10.0.0.1", "127.0.0.1", "0.0.0.0", "192.168.1.2", "8.8.8.8", "::1", "2001:db8::1", "::", "fe80::1"]
ADDRESSES += ["::ffff:127.0.0.1", "::ffff:0.0.0.0"]
NETWORKS = ["10.0.0.0/8", "127.0.0.0/8", "0.0.0.0/1", "192.168.1.2/32", "2001:db8::/32", "fc00::/7", "128.0.0.0/1"]
NETWORKS += [
    "::/0",
    "0.0.0.0/0",
    "::ffff:0:0/96",
    "::ffff:0:0/95",
    "::/96",
    "127.0.0.0/31",
    "2001:db8::1/128",
    "fe80::/10",
]
#: Ends of numbers of each size.
ENDS = [-(1 << 63), -(1 << 31), -4096, -2, 2, 255, 256, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 63) - 1, 1 << 63]
_INTEGERS = ERRORS + PIDS + ENDS
_TEXT_OPS = words(
    """
    = = != in in intersects startswith endswith contains contains icontains glob iglob regex pmatch exists many searches
    startswith_anyof contains_anyof endswith_allof contains_allof
    """
)
_TEXT_FIELDS = words(
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
_PROCESS_FIELDS = words(
    """
    proc.name proc.pname proc.exe proc.exepath proc.args proc.cmdline proc.pexe proc.pexepath proc.pcmdline
    proc.aname proc.aname[0] proc.aname[1] proc.aname[2] proc.aname[5] proc.aname[7] proc.aname[9] proc.aexe[1]
    proc.aexepath[0] proc.acmdline[1] proc.aargs[1] proc.args[0] proc.acmdline proc.exeline proc.aexe[3] proc.aexepath
    proc.env proc.env proc.env[LD_PRELOAD] proc.env[x] proc.aenv proc.aenv[LD_PRELOAD]
    proc.aexepath[2] proc.acmdline[7] proc.acmdline[8] proc.aargs[4] proc.aargs proc.aexe
    """
)
_PROCESS_TEXTS = words(
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
_NUMBER_FIELDS = words(
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
_TRUTH_FIELDS = words(
    """
    evt.failed evt.is_open_read evt.is_open_write evt.is_io evt.is_io_read evt.is_open_create fd.is_server
    fd.name_changed evt.is_open_exec fd.connected fd.connected container.privileged container.host_network
    proc.is_exe_writable proc.is_exe_upper_layer proc.is_exe_lower_layer proc.is_exe_from_memfd evt.is_rewritten
    evt.is_rewritten proc.is_exe_from_tmpfs
    """
)
_WORDS = words(
    """
    file directory ipv4 ipv6 unix pipe f d 4 6 u p o tcp udp icmp raw <NA> ip SUCCESS ENOENT EPERM EINPROGRESS E
    host abababababab /root /home/a openat connect read write dup bash root
    <NONE> 1000 docker podman
    BPF_PROG_LOAD AF_INET PTRACE_ATTACH PR_SET_NAME >
    """
)
_FLAG_NAMES = words(
    """
    O_RDONLY O_WRONLY O_RDWR O_TRUNC O_CREAT O_EXCL O_CLOEXEC O_DIRECTORY O_TMPFILE O_F_CREATED S_ISUID S_IXUSR
    CAP_SYS_ADMIN CAP_SYS sys_module CLONE_NEWUSER CLONE_NEW RDONLY BIND AT_REMOVEDIR O_ E | 4
    """
)


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
        return f"{pick(_NUMBER_FIELDS)} {pick(('=', '!=', '<', '<=', '>', '>='))} {pick(_INTEGERS)}"
    if kind == 7:
        return f"{pick(_NUMBER_FIELDS)} in ({', '.join(str(pick(_INTEGERS)) for _ in range(random.randint(1, 3)))})"
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
        return f"{field} {op} {_quoted(pattern.title() if op == 'iglob' else pattern)}"
    if op == "icontains":
        return f"{field} icontains {_quoted(pick(pool).title())}"
    if op == "searches":
        op = pick(("contains", "icontains"))
        return (
            "("
            + " or ".join(f"{field} {op} {_quoted(text)}" for text in random.sample(pool, random.randint(2, 6)))
            + ")"
        )
    if op == "many":
        return f"{field} in ({', '.join(_quoted(text) for text in random.sample(pool, 12))})"
    if "_" in op:
        op = op.replace("_", " ")
    if op in ("in", "intersects", "pmatch") or " " in op:
        return f"{field} {op} ({', '.join(_quoted(pick(pool)) for _ in range(random.randint(1, 4)))})"
    return f"{field} {op} {_quoted(pick(pool))}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\") + "'"
