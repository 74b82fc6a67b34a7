"""An event that is read from JSON (:class:`~falcohost_syscall.events.event.SyscallEvent`).

Nothing is looked up on this machine: what is not in the JSON is absent, or has its default.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from socket import AF_INET, AF_INET6
from types import SimpleNamespace
from typing import Any

from falcohost import UnknownValueError
from falcohost_syscall.calls.rows import BY_NAME, Param
from falcohost_syscall.events.agent_parts import AgentParts
from falcohost_syscall.events.event import POLLS, Context, FileFacts, OpenDescriptor, Polled, Resources
from falcohost_syscall.events.sockets import Endpoint, Socket
from falcohost_syscall.events.tabled import TabledEvent
from falcohost_syscall.processes.cgroup_names import HOST, Container
from falcohost_syscall.processes.table import Image, Process, ProcessTable
from falcohost_syscall.recorded.facts import DESCRIPTOR, EVENT, IMAGE, PATHS, SOCKET, Fact
from falcohost_syscall.recorded.writing import UNKNOWN

_NA = "<NA>"


class RecordedEvent(TabledEvent):
    """One event, from JSON that :mod:`.check` has found to be one; *first* is the time of the first event."""

    #: The process is of another time or machine, so no action could find it here.
    subject = None
    described = described_pod = cpu_shares = None

    pid: int
    tid: int
    vpid: int
    vtid: int
    uid: int
    gid: int
    ret: int

    def __init__(self, data: Mapping[str, Any], num: int, ctx: RecordedContext) -> None:
        self.type: str = data["type"]
        self.row = BY_NAME[self.type]
        self.ts: int = data.get("time", 0)
        self.num: int = data.get("num", num)
        self.alternatives: Sequence[RecordedEvent] = ()
        self.proc = process_of(data.get("process", {}))
        self.ctx = ctx = ctx.of(data, self.proc)
        for facts, given in ((EVENT, data), (DESCRIPTOR, data.get("fd", {})), (PATHS, data.get("paths", {}))):
            self._take(facts, given)
        self.pid = self.proc.pid if self.pid is None else self.pid
        self.tid = self.pid if self.tid is None else self.tid
        self.vpid = self.proc.vpid if self.vpid is None else self.vpid
        self.vtid = self.vpid if self.vtid is None else self.vtid
        self.start: int = data.get("start", self.proc.start)
        self._params: Mapping[str, Any] = data.get("params", {})
        fd = data.get("fd", {})
        self.fdinfo: FileFacts | None = _file(fd["file"]) if "file" in fd else None
        self.socket: Socket | None = _socket(fd["socket"]) if "socket" in fd else None
        self._streams: Mapping[str, Any] = fd.get("streams", {})
        self.polled: Sequence[tuple[int, OpenDescriptor | None]] = [_open(*one) for one in fd.get("polled", ())]
        self.by_falcohost: bool = data.get("by_falcohost", False)
        self.taken_from = _process_number(data.get("agent_part"))
        self.container: Container = Container(**data["container"]) if "container" in data else HOST
        self.usage: Resources | None = Resources(*data["usage"]) if "usage" in data else None
        if fd and getattr(self, "file_name", None) is None:
            self.file_name = getattr(self, "fdpath", None)

    @property
    def key(self) -> str:
        """Identifies the event."""
        return f"{self.ts:x}.{self.tid:x}.{self.num:x}"

    def value(self, param: Param) -> Any:
        """Return the value of one of Falco's parameters.

        :raises UnknownValueError: it was not known.
        """
        found = self._params.get(param.name)
        if found == UNKNOWN:
            raise UnknownValueError(param.name)
        if param.name == POLLS and isinstance(found, list):
            return [Polled(*one) for one in found]
        return decoded(found)

    def stream(self, number: int) -> tuple[str, str] | None:
        """Return type and name of the process's descriptor *number*."""
        found = self._streams.get(str(number))
        return None if found is None else (found[0], found[1])

    def _take(self, facts: Sequence[Fact], given: Mapping[str, Any]) -> None:
        for fact in facts:
            value = decoded(given.get(fact.key, fact.default))
            setattr(self, fact.name, tuple(value) if isinstance(value, list) else value)


class RecordedContext(Context):
    """The tables of one event; what it has of times is shared with those before it."""

    def __init__(self) -> None:
        super().__init__(ProcessTable(), _Accounts({}))

    def of(self, data: Mapping[str, Any], process: Process) -> RecordedContext:
        """Return the context of the next event, of *process*."""
        found = RecordedContext()
        found.before = self
        self.first = found.first = data.get("time", 0) if self.first is None else self.first
        found.users = _Accounts(data.get("accounts", {}))
        found.own_users = _Accounts(data.get("accounts", {}), inside=True)
        for one in (*map(process_of, data.get("others", ())), *process.ancestors(), process):
            found.table.processes[one.pid] = one
        found.agent = _Agent(data.get("agent_part"))
        return found

    own_users: _Accounts
    before: RecordedContext

    def since_previous(self, ts: int) -> int:
        """Return the time between *ts* and the event before."""
        return Context.since_previous(self.before, ts)

    def ran(self, cpu: int, tid: int, ts: int) -> tuple[int, int]:
        """Return how long the thread that leaves a processor at *ts* had it, and how long in all so far."""
        return Context.ran(self.before, cpu, tid, ts)

    def users_of(self, event: Any) -> _Accounts:
        """Return the users and groups as the event's process knows them."""
        return self.own_users


class _Accounts:
    """The names of users and groups that an event brings; *inside*: those of its own come first."""

    def __init__(self, given: Mapping[str, Any], *, inside: bool = False) -> None:
        self._user: Sequence[str] = given.get("user", (_NA, _NA, _NA)) if inside else (_NA, _NA, _NA)
        self._group: str = given.get("group", _NA) if inside else _NA
        self._users: Mapping[str, str] = given.get("users", {})
        self._groups: Mapping[str, str] = given.get("groups", {})
        self._inside = inside

    def name(self, uid: int) -> str:
        """Return the name of a user."""
        return self._user[0] if self._inside else self._users.get(str(uid), _NA)

    def home(self, uid: int) -> str:
        """Return a user's home directory."""
        return self._user[1]

    def shell(self, uid: int) -> str:
        """Return a user's login shell."""
        return self._user[2]

    def group(self, gid: int) -> str:
        """Return the name of a group."""
        return self._group if self._inside else self._groups.get(str(gid), _NA)


def _process_number(part: str | None) -> int:
    """Return the number of the agent's process that *part* is; 0: it is none."""
    kind, _, rest = (part or "").partition(" ")
    number = rest.partition(" ")[0]
    return int(number) if kind == "process" and number.isdecimal() else 0


class _Agent(AgentParts):
    """The part of the agent that the event was about, if it was."""

    def __init__(self, part: str | None) -> None:
        super().__init__()
        self._part = part
        kind, _, number = (part or "").partition(" ")
        if number.isdecimal():
            self.objects = {kind: frozenset({int(number)})}

    def process(self, number: int) -> str | None:
        """Return which process of the agent this is."""
        part = self._part or ""
        return part if part.startswith(f"process {number} ") else None


def process_of(given: Mapping[str, Any]) -> Process:
    """Return a process, and its ancestors, from JSON."""
    chain = [given]
    while "parent" in chain[-1] and len(chain) < 128:
        chain.append(chain[-1]["parent"])
    above: Process | None = None
    for one in reversed(chain):
        above = _process(one, above)
    assert above is not None
    return above


def _process(given: Mapping[str, Any], parent: Process | None) -> Process:
    name, pid = given.get("name", ""), given.get("pid", 0)
    args = given.get("args", [name])
    image = Image(_joined(args), _joined(given.get("env", ())), given.get("exepath", "").encode())
    image.args_cut, image.env_cut = given.get("args_cut", False), given.get("env_cut", False)
    image.exec_ts, image.pidns_start = given.get("exec_time", 0), given.get("pid_namespace_time", 0)
    for attribute, default in IMAGE:
        setattr(image, attribute, given.get(attribute, default))
    image.filename = image.filename.encode() if isinstance(image.filename, str) else image.filename
    image._args, image._exepath = tuple(args), given.get("exepath", "")
    image._env = tuple(given.get("env", ()))
    image.caps = tuple(given["caps"]) if "caps" in given else None
    ppid = given.get("ppid", 0 if parent is None else parent.pid)
    process = Process(pid, ppid, given.get("vpid", pid), given.get("start", 0), name, 0, image)
    process.session = tuple(given.get("session", process.session))
    process.cwd = given.get("cwd")
    process.parent = parent
    return process


def _joined(texts: Sequence[str]) -> bytes:
    return b"".join(f"{text}\0".encode() for text in texts)


def decoded(value: Any) -> Any:
    """Return what a value in JSON stands for."""
    if isinstance(value, dict) and len(value) == 1 and "base64" in value:
        return base64.b64decode(value["base64"])
    return value


def _file(given: Mapping[str, Any]) -> Any:
    return SimpleNamespace(**{"ino": 0, "dev": 0, "layer": 0, "mode": 0, "magic": 0, "fmode": 0, "bpf_id": 0, **given})


class _Socket(Socket):
    """A socket whose ends have the pseudonyms of the machine it was seen on."""

    __slots__ = ("told_ends",)
    told_ends: tuple[str, str]

    @property
    def ends(self) -> tuple[str, str]:
        """Pseudonyms of this end of an AF_UNIX socket and of the other."""
        return self.told_ends


def _socket(given: Mapping[str, Any]) -> Socket:
    values = {name: given.get(name, default) for name, default in SOCKET}
    ends = tuple(given.get("ends", ("0", "0")))
    length = _LENGTHS.get(values["family"], 0)
    local, remote = _end(given.get("local"), length), _end(given.get("remote"), length)
    found = _Socket(values["family"], values["type"], 0, local, remote)
    for name, value in values.items():
        setattr(found, "_role" if name == "role" else name, value)
    found.told_ends = (ends[0], ends[1])
    found._ends = (ends[0] != "0", ends[1] != "0")
    return found


def _end(given: Sequence[Any] | None, length: int) -> Endpoint:
    """Return an end, whose address has *length* bytes if it is not there."""
    ip, port, path = ("", 0, None) if given is None else given
    return Endpoint(bytes.fromhex(ip) or bytes(length), port, path)


#: The lengths of addresses of a family.
_LENGTHS: Mapping[int, int] = {AF_INET: 4, AF_INET6: 16}


def _open(number: int, given: Sequence[Any] | None) -> tuple[int, OpenDescriptor | None]:
    if given is None:
        return number, None
    return number, OpenDescriptor(given[0], given[1], _socket(given[2]) if given[2] else None)
