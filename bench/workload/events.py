"""A stream of system calls as a busy machine makes them, and as the probe would pass them on if rules wanted all.

Programs run on the host and in containers; most open libraries, configuration and files in /proc, some start others,
some connect. A few do what rules look for, so that some match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from falcohost_syscall.calls.rows import CALLS
from falcohost_syscall.drivers.modern_ebpf.decoding.event import RecordEvent
from falcohost_syscall.drivers.modern_ebpf.decoding.images import executed_image
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import CALL
from falcohost_syscall.events.event import Context, SyscallEvent
from falcohost_syscall.processes.table import Process
from falcohost_syscall.records import record as r
from workload import handmade
from workload.handmade import Task

#: Makes a fresh event: nothing of it was read before.
Make = Callable[[], SyscallEvent]

HOST, CONTAINER = 7, 8

#: Command lines, each below the one that it is indented more than.
PROGRAMS = """
systemd
  cron -f
    sh -c run-parts /etc/cron.hourly
      run-parts /etc/cron.hourly
  sshd -D
    sshd: user
      bash -i
        git status
        vim /home/user/notes.txt
        python3 manage.py runserver
        make -j4 all
          gcc -O2 -c main.c -o main.o
            cc1 -quiet main.c
  dockerd -H fd://
    containerd-shim -namespace moby
      nginx -g daemon off;
      node /srv/app/server.js
        sh -c node worker.js --queue mail
      java -Xmx512m -jar /opt/service.jar
      postgres -D /var/lib/postgresql/data
      bash /entrypoint.sh
        curl -fsS http://localhost:8080/health
        grep -q ready /tmp/state
  prometheus --config.file=/etc/prometheus/prometheus.yml
  rsyslogd -n
  apt-get -qq update
    dpkg --print-foreign-architectures
"""

FILES = (
    *("/etc/ld.so.cache", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libssl.so.3"),
    *("/usr/lib/locale/locale-archive", "/usr/share/zoneinfo/UTC", "/etc/passwd", "/etc/nsswitch.conf"),
    *("/etc/resolv.conf", "/etc/hosts", "/proc/self/status", "/proc/meminfo", "/proc/1234/stat", "/proc/1234/cmdline"),
    *("/sys/fs/cgroup/memory.max", "/dev/null", "/dev/urandom", "/usr/lib/python3.11/site-packages/click/core.py"),
    *("/srv/app/node_modules/express/index.js", "/home/user/project/main.c", "/home/user/.bash_history"),
    *("/var/lib/postgresql/data/base/16384/2619", "/opt/service.jar", "/etc/nginx/nginx.conf", "/tmp/state"),
)
#: What rules look for; so large a share of what is read is of these.
SOUGHT, SHARE = ("/home/user/.ssh/known_hosts", "/etc/shadow", "/etc/sudoers", "/home/user/.ssh/id_rsa"), 0.01
WRITTEN = (
    *("/var/log/syslog", "/var/log/nginx/access.log", "/tmp/tmpa8f2k.txt", "/home/user/project/main.o"),
    *("/var/lib/postgresql/data/pg_wal/0000000100000001", "/var/cache/apt/pkgcache.bin", "/dev/null"),
    *("/home/user/.cache/pip/selfcheck.json", "/run/nginx.pid", "/srv/app/uploads/img-2291.png", "/etc/mtab"),
)
MISSING = ("/etc/ld.so.preload", "/usr/lib/x86_64-linux-gnu/libfoo.so", "/home/user/.gitconfig", "/srv/app/.env")


@dataclass(frozen=True, slots=True)
class _Program:
    process: Process
    task: Task
    argv: tuple[bytes, ...]
    exe: bytes


def stream(length: int, seed: int = 1) -> list[Make]:
    """Return what makes each of *length* events, one after the other."""
    random = Random(seed)
    context = handmade.context()
    context.containers.learn(CONTAINER, [f"memory=/docker/{'0123456789abcdef' * 4}"])
    programs = _programs(context)
    kinds, weights = zip(*_KINDS, strict=True)
    made = []
    for kind in random.choices(kinds, weights, k=length):
        program = random.choice(programs)
        made.append(_maker(kind(program, random), program, context))
    return made


def _maker(data: bytes, program: _Program, context: Context) -> Make:
    header = r.HEADER.unpack_from(data)
    row = CALLS[header[CALL] - 1]
    return lambda: RecordEvent(row, header, data, 1, program.process, context)


def _programs(context: Context) -> list[_Program]:
    found: list[_Program] = []
    above: dict[int, _Program] = {}
    for pid, line in enumerate(filter(None, PROGRAMS.splitlines()), start=1):
        depth = (len(line) - len(line.lstrip())) // 2
        argv = tuple(line.encode().split())
        parent = above.get(depth - 1)
        name = argv[0].rsplit(b"/", 1)[-1].rstrip(b":")[:15]
        contained = parent is not None and (parent.process.cgroup == CONTAINER or parent.argv[0] == b"containerd-shim")
        cgroup = CONTAINER if contained else HOST
        exe = b"/usr/bin/" + name
        image = executed_image(b"", b"\0".join(argv) + b"\0", b"HOME=/root\0LANG=C\0", exe, b"", 0)
        process = Process(pid, parent.process.pid if parent else 0, pid, 1000, name.decode(), cgroup, image)
        process.parent = parent.process if parent else None
        context.table.task(process)
        task = Task(pid, start=process.start, comm=name, cgroup=cgroup)
        above[depth] = _Program(process, task, argv, exe)
        found.append(above[depth])
    return found


def _opened(program: _Program, path: bytes, flags: int) -> bytes:
    sections = {r.SEC_PATH: path, r.SEC_FD: handmade.fdinfo(), r.SEC_FDPATH: path}
    return handmade.call("openat", program.task, 3, (0xFFFFFF9C, 0, flags), sections)


def _read(program: _Program, random: Random) -> bytes:
    return _opened(program, random.choice(SOUGHT if random.random() < SHARE else FILES).encode(), 0)


def _write(program: _Program, random: Random) -> bytes:
    return _opened(program, random.choice(WRITTEN).encode(), 0o1101)


def _fail(program: _Program, random: Random) -> bytes:
    return handmade.call("openat", program.task, -2, (0xFFFFFF9C, 0, 0), {r.SEC_PATH: random.choice(MISSING).encode()})


def _start(program: _Program, random: Random) -> bytes:
    return handmade.execution(program.task, program.exe, program.argv)


def _connect(program: _Program, random: Random) -> bytes:
    remote = random.choice((("10.0.0.2", 443), ("10.96.0.1", 443), ("172.17.0.3", 5432), ("151.101.1.69", 80)))
    sections = {r.SEC_SOCK: handmade.tcp(("10.0.0.1", random.randrange(32768, 60000)), remote)}
    return handmade.call("connect", program.task, 0, (3,), sections)


def _accept(program: _Program, random: Random) -> bytes:
    sections = {r.SEC_SOCK: handmade.tcp(("10.0.0.1", 8080), ("10.0.0.9", random.randrange(32768, 60000)))}
    return handmade.call("accept4", program.task, 5, (3,), sections)


def _by_path(name: str, *, second: bool = False) -> Callable[[_Program, Random], bytes]:
    def make(program: _Program, random: Random) -> bytes:
        sections = {r.SEC_PATH: random.choice(WRITTEN).encode()}
        if second:
            sections[r.SEC_PATH2] = random.choice(WRITTEN).encode()
        return handmade.call(name, program.task, 0, (0xFFFFFF9C, 0, 0), sections)

    return make


def _plain(name: str) -> Callable[[_Program, Random], bytes]:
    return lambda program, random: handmade.call(name, program.task, 0)


_KINDS: Sequence[tuple[Callable[[_Program, Random], bytes], int]] = (
    (_read, 40),
    (_write, 9),
    (_fail, 12),
    (_start, 12),
    (_connect, 7),
    (_accept, 3),
    (_by_path("unlinkat"), 4),
    (_by_path("renameat", second=True), 3),
    (_by_path("mkdirat"), 1),
    (_by_path("symlinkat", second=True), 1),
    (_plain("dup"), 3),
    (_plain("setuid"), 1),
    (_plain("getppid"), 4),
)
