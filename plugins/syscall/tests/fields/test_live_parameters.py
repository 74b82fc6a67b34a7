"""Falco's parameters on this machine's kernel, compared with what the caller passed by address."""

from __future__ import annotations

import re
from typing import Any

import pytest
from live import GET, events, opened, run

pytestmark = pytest.mark.usefixtures("end")

#: By name: the call as Python, and the text of evt.args that it has to give; {…} is what the program told.
CALLS: dict[str, tuple[str, str]] = {
    "epoll_wait": ("call(232, -1, memory('16x'), 7, 0)", "res=-9(EBADF) maxevents=7"),
    "futex": ("call(202, memory('I', 5), 129, 3)", "res=0 addr=[0-9A-F]+ op=129(FUTEX_PRIVATE_FLAG|FUTEX_WAKE) val=3"),
    "getcwd": ("os.chdir('/usr'); call(79, memory('64x'), 64)", "res=5 path=/usr"),
    "getpeername": (
        "a, b = socket.socketpair(); call(52, a.fileno(), memory('128x'), memory('I', 128)); tell(fd=a.fileno())",
        "res=0 fd={fd}(<u>) tuple=NULL",
    ),
    "getsockname": (
        "s = socket.create_server(('127.0.0.1', 0)); call(51, s.fileno(), memory('128x'), memory('I', 128)); "
        "tell(fd=s.fileno(), port=s.getsockname()[1])",
        "res=0 fd={fd}(<4t>127.0.0.1:{port}) tuple=127.0.0.1:{port}",
    ),
    "getresuid": (
        "call(118, memory('4x'), memory('4x'), memory('4x'))",
        "res=0 ruid=0(root) euid=0(root) suid=0(root)",
    ),
    "getresgid": (
        "call(120, memory('4x'), memory('4x'), memory('4x'))",
        "res=0 rgid=0(root) egid=0(root) sgid=0(root)",
    ),
    "getrlimit": (
        "r = memory('QQ', 0, 0); call(97, 7, r); tell(limits=struct.unpack('qq', r.raw[:16]))",
        "res=0 cur={limits[0]} max={limits[1]} resource=7(RLIMIT_NOFILE)",
    ),
    "setrlimit": ("call(160, 4, memory('qq', 0, -1))", "res=0 cur=0 max=-1 resource=4(RLIMIT_CORE)"),
    "prlimit": (
        "call(302, 0, 4, memory('qq', 0, -1), memory('16x'))",
        "res=0 newcur=0 newmax=-1 oldcur=-?[0-9]+ oldmax=-1 pid=0 resource=4(RLIMIT_CORE)",
    ),
    "nanosleep": ("call(35, memory('qq', 0, 1500), 0)", "res=0 interval=1500(1.5e-06s)"),
    "poll": (
        "r, w = os.pipe(); os.write(w, b'x'); call(7, memory('ihhihh', r, 1, 0, w, 0, 0), 2, 10); tell(r=r, w=w)",
        "res=1 fds={r}:p1 {w}:p0 timeout=10",
    ),
    "ppoll": (
        "call(271, memory('ihhihh', 0, 0, 0, -1, 1, 0), 2, memory('qq', 0, 1000000), memory('Q', 1 << 9), 8)",
        "res=0 fds=0:f0 -1:o0 timeout=0(0s) sigmask=SIGUSR1",
    ),
    "select": ("call(23, 0, 0, 0, 0, memory('qq', 0, 10))", "res=0"),
    "semctl": (
        "i = call(64, 0, 2, 0o600); call(66, i, 1, 16, 9); call(66, i, 0, 0); tell(id=i)",
        "res=0 semid={id} semnum=1 cmd=4096(SETVAL) val=9",
    ),
    "semop": (
        "i = call(64, 0, 2, 0o600); call(65, i, memory('Hhh', 1, 2, 0o4000) , 1); call(66, i, 0, 0); tell(id=i)",
        "res=0 nsops=1 sem_num_0=1 sem_op_0=2 sem_flg_0=1(IPC_NOWAIT) sem_num_1=0 sem_op_1=0 sem_flg_1=0 semid={id}",
    ),
    "setsockopt": (
        "s = socket.socket(); call(54, s.fileno(), 1, 20, memory('qq', 2, 500000), 16); tell(fd=s.fileno())",
        "res=0 fd={fd}(<4t>) level=1(SOL_SOCKET) optname=20(SO_RCVTIMEO) val=2500000000(2.5s) optlen=16",
    ),
    "getsockopt": (
        "s = socket.socket(); call(55, s.fileno(), 1, 3, memory('4x'), memory('I', 4)); tell(fd=s.fileno())",
        "res=0 fd={fd}(<4t>) level=1(SOL_SOCKET) optname=3(SO_TYPE) val=1 optlen=4",
    ),
    "keyctl": (
        "call(250, 10, -4, b'user', b'falco', 0)",
        "res=-126(ENOKEY) operation=10(KEYCTL_SEARCH) arg2=-4 arg3=user arg4=falco arg5=0",
    ),
    "quotactl": (
        "call(179, 0x800002 << 8 | 1, b'/dev/nowhere', 2, b'/quota')",
        "res=-2(ENOENT) special=/dev/nowhere quotafilepath=/quota dqb_bhardlimit=0 .* cmd=1(Q_QUOTAON) "
        "type=2(GRPQUOTA) id=0 quota_fmt=4(QFMT_VFS_V0)",
    ),
    "sendfile": (
        "f = os.open('/etc/passwd', 0); g = os.open('/dev/null', 1); call(40, g, f, memory('q', 3), 4); tell(f=f, g=g)",
        "res=4 offset=7 out_fd={g}(<f>/dev/null) in_fd={f} size=4",
    ),
    "copy_file_range": (
        "f = os.open('/etc/passwd', 0); g = os.memfd_create('x'); "
        "call(326, f, memory('q', 3), g, memory('q', 5), 4, 0); tell(f=f, g=g)",
        "res=-?[0-9]+.* fdout={g}.* offout=[59] fdin={f} offin=[37] len=4",
    ),
    "eventfd": ("tell(fd=call(284, 3))", "res={fd}(<e>\\[eventfd\\]) initval=3 flags=0"),
    "inotify_init": ("tell(fd=call(253))", "res={fd}(<i>inotify) flags=0"),
    "signalfd": (
        "tell(fd=call(282, -1, memory('Q', 1 << 9), 8))",
        "res={fd}(<s>\\[signalfd\\]) fd=-1(EPERM) mask=0 flags=0",
    ),
    "brk": ("call(12, 0)", "res=[0-9A-F]+ vm_size=[0-9]+ vm_rss=[0-9]+ vm_swap=0 addr=0"),
    "munmap": ("call(11, 4096, 4096)", "res=0 vm_size=[0-9]+ vm_rss=[0-9]+ vm_swap=0 addr=1000 length=4096"),
    "fchmodat2": (
        "call(452, -100, b'/nowhere/x', 0o600, 0x100)",
        "res=-2(ENOENT) dirfd=-100(AT_FDCWD) filename=/nowhere/x mode=0600(S_IWUSR|S_IRUSR) "
        "flags=1024(AT_SYMLINK_NOFOLLOW)",
    ),
    "preadv2": (
        "f = os.open('/etc/passwd', 0); b = memory('4x'); "
        "call(327, f, memory('PQ', ctypes.addressof(b), 4), 1, 2, 0, 0); tell(f=f)",
        "res=4 size=4 data=.* fd={f}(<f>/etc/passwd) pos=2",
    ),
}


@pytest.fixture(scope="module")
def told(sources, machine) -> dict[str, tuple[dict[str, Any], list[str]]]:
    """Return what the program told of each call, and evt.args of the events of its type."""
    names = ", ".join(CALLS)
    source, matches = opened(sources, f"evt.type in ({names})", "evt.args")
    parts = [f"tell(of={name!r})\n{script}" for name, (script, _) in CALLS.items()]
    truth: dict[str, dict[str, Any]] = {}
    for line in run("\n".join(parts)):
        of = line.get("of", next(reversed(truth), ""))
        truth[of] = truth.get(of, {}) | line
    args: dict[str, list[str]] = {}
    for event in events(source, matches):
        args.setdefault(event.type, []).append(GET["evt.args"](event, None))
    return {name: (truth[name], args.get(name, [])) for name in CALLS}


@pytest.mark.parametrize("name", CALLS)
def test_parameters(told, name):
    """An event has what its caller passed and what the call returned, in Falco's form."""
    truth, found = told[name]
    expected = CALLS[name][1]
    for key, value in truth.items():
        expected = expected.replace(f"{{{key}}}", str(value))
        for index, item in enumerate(value if isinstance(value, list) else ()):
            expected = expected.replace(f"{{{key}[{index}]}}", str(item))
    pattern = re.sub(r"([()|])", r"\\\1", expected)

    assert [] != [args for args in found if re.fullmatch(pattern, args)], found
