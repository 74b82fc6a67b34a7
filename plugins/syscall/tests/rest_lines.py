# ruff: noqa: E501
"""The lines that decide what all others leave open: falcohost's own deeds, commands that come into a container, calls that race.

``record_rule_tests.py`` runs them like those of ``nearby_lines.py``, with all fields of all events collected. What only
falcohost may do is done by the interpreter that runs the recorder, with falcohost's script for its argument: in the
line's own mounts the script is one that runs the line's code. For rules about programs that are not installed, that
interpreter must not be among packages (``python -m venv --copies``).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from last_lines import _copied
from nearby_lines import (
    _CHECKS,
    _DOCKER,
    _FROM_PIPE,
    _NO_CHECK,
    _PLACES,
    _PLAIN,
    _PRIVATE,
    _SEEN,
    _STARTED,
    _called,
    _python,
)
from other_ways import IN_BIN
from tool_lines import LED_TO_THE_NETWORK

#: Types of calls that lines are about, beside those of their rules.
BESIDE = frozenset({"open_tree", "clone", "sendto", "unshare", "dup2"})

_SCRIPT = str(Path(sys.prefix) / "bin/falcohost")
_BEGIN = "(o:=__import__('os')),(c:=__import__('ctypes')),(l:=c.CDLL(None)),"


def _falcohost(code: str, name: str = "") -> str:
    """Return a line in which falcohost runs *code*; *name*: what its process is called."""
    started = (
        f"o.symlink('{sys.executable}','$tmp/{name}'),o.execv('$tmp/{name}',"
        if name
        else f"o.execv('{sys.executable}',"
    )
    led = (
        f"{_BEGIN}open('$tmp/s','w').write('exec(__import__(\"sys\").argv[1])'),{_PRIVATE}"
        f"l.mount(b'$tmp/s',b'{_SCRIPT}',0,4096,0),{started}['python','{_SCRIPT}',*__import__('sys').argv[1:]])"
    )
    return f"{sys.executable} -c {led} {_BEGIN}({code}) $tmp/"


def _of_a_runtime(code: str, name: str = "runc", *, contained: bool = True, in_memory: bool = False) -> str:
    """Return a line in which Python, in a container and by the path of a runtime, runs *code*."""
    placed = (
        "(f:=o.memfd_create('x',0)),o.write(f,d),"
        if in_memory
        else f"(f:=open('/usr/bin/{name}','wb')),f.write(d),f.close(),o.chmod('/usr/bin/{name}',0o755),"
    )
    path = "'/proc/self/fd/%d'%f" if in_memory else f"'/usr/bin/{name}'"
    moved = "open('$cgroup/cgroup.procs','w').write('0')," if contained else ""
    begin = (
        f"{_BEGIN}(d:=open('/usr/bin/python3.13','rb').read()),{_PRIVATE}l.mount(b'x',b'/usr/bin',b'tmpfs',0,0),{placed}{moved}"
        f"o.execv({path},['{name}',*__import__('sys').argv[1:]])"
    )
    return f"{sys.executable} -c {begin} -c {_BEGIN}{code} $tmp/ @app"


def _came(program: str = "noop", fork: str = "(p:=o.fork())", **how: Any) -> str:
    """Return a line in which a program comes into another pid namespace from outside."""
    inside = "l.unshare(0x20000000),(o.fork()or(__import__('time').sleep(2),o._exit(0))),"
    return _of_a_runtime(
        f"{inside}{fork},(p)or(o.execv('$tmp/app',['app','{program}','$tmp/x'])),o.waitpid(p,0)", **how
    )


def _laid_over(folder: str) -> str:
    return (
        "o.mkdir('$tmp/t'),l.mount(b'x',b'$tmp/t',b'tmpfs',0,0),o.mkdir('$tmp/t/u'),o.mkdir('$tmp/t/w'),"
        f"l.mount(b'x',b'{folder}',b'overlay',0,b'lowerdir={folder},upperdir=$tmp/t/u,workdir=$tmp/t/w'),"
    )


def _added(path: str, arguments: str) -> str:
    """Return a line in which a container starts a program that is not in its image."""
    return (
        _called(
            f"{_PRIVATE}{_laid_over('/usr/bin')}o.path.exists('{path}')and(o.unlink('{path}')),"
            f"__import__('shutil').copy('$tmp/app','{path}'),open('$cgroup/cgroup.procs','w').write('0'),"
            f"o.spawnv(0,'{path}',{arguments})"
        )
        + " @app"
    )


def _configured(kind: str, key: str, value: str) -> str:
    return _called(f"(f:=l.syscall(430,b'{kind}',0)),l.syscall(431,f,1,b'{key}',b'{value}',0)")


_LINKER_BESIDE = (
    f"{_PRIVATE}l.mount(b'x',b'/usr/lib64',b'tmpfs',0,0),o.close(o.open('/usr/lib64/ld-linux-x86-64.so.2',65,0o755)),"
)
_CACHE = "l.mount(b'x',b'/var',b'tmpfs',0,0),o.makedirs('/var/cache/falcohost'),"
_KEPT = "/var/cache/falcohost"
_ETC_OWN = f"{_PRIVATE}l.mount(b'x',b'/etc',b'tmpfs',0,0),o.makedirs('/etc/cron.d'),open('/etc/cron.d/x','w'),"
_VAR_OWN = f"{_PRIVATE}l.mount(b'x',b'/var',b'tmpfs',0,0),o.makedirs('/var/log'),open('/var/log/auth.log','w'),"
_LIKE_DOCKER: Mapping[str, Any] = {**_PLAIN, **_NO_CHECK}

#: A connection waits, since nobody takes those before it; meanwhile another thread changes its address.
_WAITING = (
    "(k:=__import__('socket')),(z:=__import__('time').sleep),(s:=k.socket(1,1)),s.bind('$tmp/s'),s.listen(0),(q:=k.socket(1,1)),"
    "q.connect('$tmp/s'),(a:=c.create_string_buffer(b'\\1\\0$tmp/s',110)),(t:=k.socket(1,1)),(u:=k.socket(1,1)),"
)
_MEANWHILE = "(j:=__import__('threading').Thread(target=lambda:({}))),j.start(),{},j.join()"
_CHANGED = "z(.3),a.__setitem__(slice(2,4),b'/x'),o.dup2(u.fileno(),t.fileno())"
_SENT = (
    "(k:=__import__('socket')),(z:=__import__('time').sleep),(s:=k.socket(1,2)),s.bind('$tmp/s'),(t:=k.socket(1,2)),t.connect('$tmp/s'),"
    "(a:=c.create_string_buffer(b'\\1\\0$tmp/s',110)),(u:=k.socket(1,2)),"
    "t.setblocking(1),t.setsockopt(1,21,b'\\0'*8+(600000).to_bytes(8,'little')),[l.sendto(t.fileno(),b'x',1,64,0,0)for(i)in(range(600))],"
)

#: Lines of a rule, by what they do; with a map of what a runtime says of the container.
REST: Mapping[str, Mapping[str, str | tuple[str, Mapping[str, Any]]]] = {
    "Settings of the agent changed": {
        "compiled rules, by falcohost": _falcohost(f"{_CACHE}open('{_KEPT}/rules-x','w')"),
        "compiled rules, by another": _called(f"{_PRIVATE}{_CACHE}open('{_KEPT}/rules-x','w')"),
        "another file of the cache, by falcohost": _falcohost(f"{_CACHE}open('{_KEPT}/x','w')"),
        "rules, by falcohost": _falcohost(f"{_CACHE}open('{_KEPT}/rules-x.yaml','w'),open('{_KEPT}/rules-x.yml','w')"),
        "compiled rules removed, by falcohost": _falcohost(
            f"{_CACHE}open('{_KEPT}/rules-x','w'),o.unlink('{_KEPT}/rules-x')"
        ),
        "compiled rules by a link, by falcohost": _falcohost(
            f"{_CACHE}open('{_KEPT}/rules-x','w'),o.symlink('{_KEPT}/rules-x','$tmp/l'),open('$tmp/l','w')"
        ),
    },
    "Agent reached through the kernel": {
        "what is mapped": "@thief open read /proc/$agent/maps",
        "its memory, created": "@thief creat /proc/$agent/mem",
        "its memory, created by another mount": _called(
            f"{_PRIVATE}o.mkdir('$tmp/p'),l.mount(b'proc',b'$tmp/p',b'proc',0,0),l.creat(b'$tmp/p/$agent/mem',0o600)"
        ),
        "its memory, as a tree": _called("l.syscall(428,-100,b'/proc/$agent/mem',0)"),
        "traced and let go": _called(
            "l.ptrace(0x4206,$agent,0,0),l.ptrace(0x4207,$agent,0,0),o.waitpid($agent,0x40000000),l.ptrace(17,$agent,0,0)"
        ),
        "its memory by a call, refused": _called(
            "(b:=c.create_string_buffer(64)),o.setuid(65534),(i:=(c.c_size_t*2)(c.addressof(b),8)),"
            "l.process_vm_readv($agent,i,1,i,1,0)"
        ),
        "a descriptor taken": _called("(p:=o.pidfd_open($agent)),l.syscall(438,p,0,0)"),
        "a descriptor that is not there, either": _called("(p:=o.pidfd_open($agent)),l.syscall(438,p,99999,0)"),
        "by another mount of processes": _called(
            f"{_PRIVATE}o.mkdir('$tmp/p'),l.mount(b'proc',b'$tmp/p',b'proc',0,0),open('$tmp/p/$agent/mem','rb'),"
            "open('$tmp/p/$agent/fd/0','rb')"
        ),
        "what it keeps in memory": _python("(f:=o.memfd_create('falcohost\\x20x')),o.open('/proc/self/fd/%d'%f,0)"),
    },
    "BPF program loaded by an unusual program": {
        "by falcohost": _falcohost(
            "(i:=bytes.fromhex('b7000000000000009500000000000000')),"
            "(a:=(c.c_uint64*16)(1|2<<32,c.cast(i,c.c_void_p).value,c.cast(b'GPL',c.c_void_p).value)),l.syscall(321,5,a,128)"
        )
    },
    "Container runtime driven by an unusual program": {
        "by falcohost": _falcohost("__import__('socket').socket(1,1).connect_ex('$tmp/docker.sock')"),
        "of a task": _called(
            f"{_PRIVATE}l.mount(b'x',b'/run',b'tmpfs',0,0),o.makedirs('/run/containerd/s'),(k:=__import__('socket')),"
            "(s:=k.socket(1,1)),s.bind('/run/containerd/s/x'),s.listen(),k.socket(1,1).connect('/run/containerd/s/x')"
        ),
    },
    "BPF object of another taken by an unusual program": {
        "by falcohost": _falcohost(
            "(i:=(c.c_uint32*32)(0)),l.syscall(321,11,i,128),(j:=(c.c_uint32*32)(i[1])),l.syscall(321,13,j,128)"
        )
    },
    "Log emptied": {
        "by falcohost": _falcohost("open('$tmp/syslog','w')"),
        "cut": _called(
            f"{_VAR_OWN}o.truncate('/var/log/auth.log',0),open('/var/log/x','w'),o.truncate('/var/log/x',0)"
        ),
    },
    "Dynamic linker copied": {
        "by falcohost": _falcohost("open('/lib64/ld-linux-x86-64.so.2','rb')"),
        "without the right": _called(
            f"{_PRIVATE}l.mount(b'x',b'/usr/lib64',b'tmpfs',0,0),o.open('/usr/lib64/ld-linux-x86-64.so.2',65,0),"
            "o.setuid(65534),o.open('/usr/lib64/ld-linux-x86-64.so.2',0)"
        ),
        "linked": _called(f"{_LINKER_BESIDE}o.link('/usr/lib64/ld-linux-x86-64.so.2','/usr/lib64/x')"),
        "shown elsewhere": _called(
            f"{_LINKER_BESIDE}open('/usr/lib64/x','w'),"
            "l.mount(b'/usr/lib64/ld-linux-x86-64.so.2',b'/usr/lib64/x',0,4096,0),l.mount(b'/usr/lib64/x',b'/usr/lib64/x',0,4096,0),"
            "l.mount(b'/usr/lib64/ld-linux-x86-64.so.2',b'/nowhere',0,4096,0)"
        ),
        "shown by a tree": _called(
            f"{_LINKER_BESIDE}l.syscall(428,-100,b'/usr/lib64/ld-linux-x86-64.so.2',1),l.syscall(428,-100,b'/usr/lib64',1)"
        ),
        "below dracut's": _called(
            f"{_PRIVATE}{_laid_over('/usr/lib')}o.makedirs('/usr/lib/dracut',exist_ok=True),"
            "__import__('shutil').copy('$tmp/x','/usr/lib/dracut/dracut-install'),"
            "o.execv('/usr/lib/dracut/dracut-install',['d','folder','$tmp/z','child','exec','$tmp/x','open','read','/lib64/ld-linux-x86-64.so.2'])"
        )
        + " @x",
    },
    **{
        rule: {"by falcohost": _falcohost(code)}
        for rule, code in {
            "Raw network traffic opened by an unusual program": "__import__('socket').socket(2,3,1)",
            "Memory of another process read by a program that is not installed": "open('/proc/$agent/mem','rb')",
            "Places in programs or the kernel watched by a program that is not installed": "l.syscall(298,0,0,0,0,0)",
            "Mounts changed by the newer calls": "l.syscall(428,-100,b'$tmp',1)",
            "Root directory changed by a program that is not installed": "o.chroot('$tmp')",
            "Namespace joined by a program that is not installed": "l.setns(o.open('/proc/self/ns/uts',0),0)",
            "File of the system written by a program that is not installed": (
                "l.mount(b'x',b'/boot',b'tmpfs',0,0),open('/boot/x','w')"
            ),
            "Settings of a user read by a program that is not installed": "open('$tmp/.bashrc','w')",
            "Hidden file made in a temporary folder": "l.mount(b'x',b'/var/tmp',b'tmpfs',0,0),open('/var/tmp/.x','w')",
            "Environment of another process read by a program that is not installed": "open('/proc/$agent/environ')",
        }.items()
    },
    "Interpreter led to a network connection": {
        "by falcohost": _falcohost(
            "(s:=__import__('socket').socket(2,2)),s.connect(('127.0.0.1',9)),o.dup2(s.fileno(),0)", "x"
        ),
    },
    "Kernel told to run a program": {
        "by a file system of formats": _called(f"{_PRIVATE}l.mount(b'x',b'$tmp',b'binfmt_misc',0,0)"),
        "by such a file system in vain": _called(f"{_PRIVATE}l.mount(b'x',b'/nowhere',b'binfmt_misc',0,0)"),
        "by such a file system, by the new calls": _called("l.syscall(430,b'binfmt_misc',0)"),
        "by such a file system, below systemd": f"@a private /usr/lib/systemd installed /usr/lib/systemd/systemd {_SEEN} child exec @x "
        "private $tmp mount x $tmp binfmt_misc",
    },
    "Library preloaded from a temporary folder": {
        f"from {place}": f"@a with LD_PRELOAD={place} exec @a noop $tmp/x"
        for place in ("/proc/1/root/tmp/x.so", "/./tmp/x.so", "/run/user/0/x.so", "/run/lock/x.so", "/usr/lib/x.so")
    },
    "Program with a name of the system's": {"by falcohost": _falcohost("1", "su")},
    "Command run in a container from outside": {
        "come in": (_came(), _LIKE_DOCKER),
        "come in, and goes on": (_came("goes-on"), _LIKE_DOCKER),
        "come in by another": (_came(name="x"), _LIKE_DOCKER),
        "come in by what is in memory": (_came(in_memory=True), _LIKE_DOCKER),
        "outside of any": (_came(contained=False), _LIKE_DOCKER),
        "a check at a terminal of its own": (
            _came(fork="(q:=__import__('pty').fork()),(p:=q[0])"),
            {**_LIKE_DOCKER, "proc.is_container_healthcheck": True},
        ),
        **{f"come in, {name}": (_came(), {**_LIKE_DOCKER, f"proc.{name}": True}) for name in _CHECKS},
    },
    "Program that the image does not have started in a container": {
        "a package manager": (_added("/usr/bin/dpkg", "['dpkg','noop','$tmp/x']"), _PLAIN),
        "a script": (_added("/usr/bin/python3.99", "['python3','/usr/bin/dnf','$tmp/x']"), _PLAIN),
        "another script": (_added("/usr/bin/python3.99", "['python3','/srv/dnf','$tmp/x']"), _PLAIN),
        "a program with a script's name": (_added("/usr/bin/x", "['python3','/usr/bin/dnf','$tmp/x']"), _PLAIN),
    },
    "Tool for disks and mounts started in a container": {
        "by root": (f"{_STARTED} run @mount noop $tmp/x", _PLAIN),
        "by nobody": (f"{_STARTED} as 65534 run @mount noop $tmp/x", _PLAIN),
        "where all may": (f"{_STARTED} as 65534 run @mount noop $tmp/x", {**_PLAIN, "container.privileged": True}),
    },
    "Encoded text decoded by a command in a container": {
        "a copy of a runtime": (
            f"{IN_BIN}/runc {_SEEN} cgroup $cgroup child in-memory runc_cloned:/proc/self/exe noop $tmp/x | base64 -d",
            _LIKE_DOCKER,
        )
    },
    "Environment read by a command in a container": {
        "a folder with its name": (
            f"{_STARTED} run @strings private /proc folder /proc/environ open read /proc/environ",
            _PLAIN,
        ),
    },
    "Namespaces changed without the right to in a container": {
        "by a runtime": (
            f"{_STARTED} private /usr/bin child installed /usr/bin/runc {_SEEN} as 65534 exec /usr/bin/runc unshare fs $tmp/x",
            _PLAIN,
        ),
        "by such a copy of another's": (
            f"@x {_SEEN} cgroup $cgroup as 65534 child in-memory runc_cloned:/proc/self/exe unshare fs $tmp/x",
            _PLAIN,
        ),
        "by a builder of images": (
            f"{_STARTED} root folder /kaniko installed /kaniko/executor {_SEEN} as 65534 exec /kaniko/executor unshare fs $tmp/x",
            _PLAIN,
        ),
        "by a maker of sandboxes": (
            f"{_STARTED} private /usr/bin installed /usr/bin/bwrap {_SEEN} as 65534 exec /usr/bin/bwrap unshare fs $tmp/x",
            _PLAIN,
        ),
    },
    "Filter of packets emptied": {
        "by a distribution of Kubernetes": "@a private /var folder /var/lib/k0s/bin child installed /var/lib/k0s/bin/iptables noop $tmp/x -F",
    },
    "Disk mounted inside a container": {
        "of a user's file system, of a type of disks": f"{_DOCKER} @escape private $tmp mount /dev/fuse $tmp ext4",
        "another setting": f"{_DOCKER} {_configured('tmpfs', 'x', '/dev/sda')}",
        "another source": f"{_DOCKER} {_configured('tmpfs', 'source', '/srv/x')}",
        "a user's file system by the new calls": f"{_DOCKER} {_configured('tmpfs', 'source', '/dev/fuse')}",
    },
    "File shown as a disk mounted": {"another setting": _configured("cgroup", "release_agent", "/dev/loop0")},
    "Kernel module loaded by an unusual program": {
        "of the system": f"@a private /usr/bin installed /usr/bin/kmod {_SEEN} private /run folder /run/booted-system "
        "made /run/booted-system/x.ko module-of /run/booted-system/x.ko",
    },
    "Folder shown elsewhere by a program that is not installed": {
        **{
            f"by one that lies in {folder}": f"@a root installed {folder}/x overlay $tmp noop $tmp/x"
            for folder in _PLACES
        },
        "what is not there": _copied("__import__('ctypes').CDLL(None).mount(b'/nowhere',b'$tmp',0,4096,0)"),
    },
    "Ring for system calls made by a program that is not installed": {
        "in vain": _copied("__import__('ctypes').CDLL(None).syscall(425,0,0)"),
    },
    "Shell started with a network connection as its input": {
        "and does something else": f"{LED_TO_THE_NETWORK}execv(__import__('sys').argv[1],['bash','unshare','fs','$tmp/x']) @bash",
    },
    "Named pipe leads from the network": {
        "and does something else": _python(
            _FROM_PIPE.format("$tmp/f", "$tmp/f", 1, "$tmp/nc", "['nc','unshare','fs','$tmp/x']")
        )
        + " @nc",
    },
    "Server started an interpreter with a program as argument": {
        "that serves pages": "@nginx private /usr/bin folder $tmp/x child installed /usr/bin/php-cgi -",
    },
    "Disk opened by a program that is not installed": {
        "the first": "@thief private /dev made /dev/root open read /dev/root"
    },
    "Memory or disk read as bytes": {
        "the first disk": f"{IN_BIN}/dd {_SEEN} private /dev made /dev/root open read /dev/root"
    },
    "Keys and passwords searched for": {
        f"by {name} as {tool}": f"@a private /usr/bin child installed /usr/bin/{name} {tool} $tmp/x id_rsa"
        for name, tool in (("busybox", "find"), ("busybox", "ls"), ("x", "find"))
    },
    "File that decides put in place": {
        "renamed away by the newest call": _called(f"{_ETC_OWN}l.syscall(316,-100,b'/etc/cron.d/x',-100,b'/etc/y',1)"),
    },
    "Program in shared memory handed to another": {
        "to an installed program as a shell": "@loader private /usr/bin child installed /usr/bin/x exec-as /usr/bin/x sh $shm/x",
    },
    "Watcher stopped by a command": {"another service": "@a run @systemctl noop stop nginx"},
    "Server that runs no shells started one": {"another by a shell's name": "@nginx child exec-as @sh sh noop $tmp/x"},
    "Web application started a shell": {"that starts nothing": "@apache2 run /bin/dash -c exec${IFS}/nowhere$tmp/x"},
    "Cgroup left from inside a container": {
        "by the older call": f"{_DOCKER} "
        + _called("(p:=l.syscall(56,c.c_long(0x200000011),0,0,0,0)),(p)or(o._exit(0))"),
    },
    "Arguments of a call changed while it ran": {
        "where to connect": _called(
            _WAITING + _MEANWHILE.format(f"{_CHANGED},z(.1),s.accept()", "l.connect(t.fileno(),a,110)")
        ),
        "where to connect, in vain": _called(
            f"{_WAITING}t.setsockopt(1,21,b'\\0'*8+(600000).to_bytes(8,'little')),"
            + _MEANWHILE.format(_CHANGED, "l.connect(t.fileno(),a,110)")
        ),
        "where to send": _called(_SENT + _MEANWHILE.format(_CHANGED, "l.sendto(t.fileno(),b'x',1,0,a,110)")),
        "what to open, in vain": _called(
            "(z:=__import__('time').sleep),(g:=__import__('signal')),g.signal(10,lambda*x:0),o.mkfifo('$tmp/f'),"
            "(a:=c.create_string_buffer(b'$tmp/f')),(h:=(c.c_uint64*3)(0)),(m:=__import__('threading').main_thread().ident),"
            + _MEANWHILE.format("z(.3),a.__setitem__(1,b'x'),z(.1),g.pthread_kill(m,10)", "l.syscall(437,-100,a,h,24)")
        ),
    },
}
