"""Programs of the probe that rules do not need are not loaded, and what rules ask for is seen as with all of them."""

import subprocess
import sys
import time
from collections import Counter

import pytest
from read_probe import ReadProbe

from falcohost import Plan
from falcohost.engine import ir
from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.evttypes import event_types
from falcohost.engine.typecheck import check
from falcohost.lang.parser import parse
from falcohost_syscall.calls.rows import BY_NAME, MOMENTS
from falcohost_syscall.drivers.modern_ebpf import config, loading, parts, stages, wanted
from falcohost_syscall.drivers.modern_ebpf.asked import alone, ask, read, takes
from falcohost_syscall.drivers.modern_ebpf.collection import Collection
from falcohost_syscall.drivers.modern_ebpf.loader import how
from falcohost_syscall.facts.folders import has_folders
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.records import parts as record_parts
from falcohost_syscall.records import record as R
from falcohost_syscall.watched.files import WatchedFiles

CONFIG = config.parse({})
#: With it all processes are told of.
EVERY = config.parse({"falcohost": {"process_context": False}})
CATALOG = Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))
#: Rules of which each takes other parts, and several at once.
RULES = (
    "evt.type = getsid",
    "evt.type = execve and proc.name != nothing",
    "evt.type = procexit and proc.name != nothing",
    "evt.type in (open, openat, openat2) and fd.name startswith /",
    "evt.type = openat and fd.name endswith /link",
    "evt.type in (openat, openat2) and fd.name endswith /file and fd.types[0] intersects (file)",
    "evt.type in (connect, bind, accept4)",
    "evt.type = sendmmsg and fd.type = unix",
    "evt.type in (unlinkat, renameat2, mkdirat) and fs.path.name contains /",
    "evt.type in (prctl, clone3, signaldeliver)",
    "evt.type = chdir and proc.fdlimit > 0",
    "evt.type = close and fd.name contains /file",
    "evt.type in (execve, openat, procexit, sendmmsg, prctl, kill, setuid)",
)
#: How often it is tried to have an activity of which no probe loses anything.
TRIES = 20
#: Arguments of fields that take no number.
ARGUMENTS = {"evt.type.is": "chdir", "evt.rawarg": "path", "thread.cgroup": "memory"}
ACTIVITY = """
import ctypes, os, signal, socket, sys
libc = ctypes.CDLL(None)
folder, program = sys.argv[1:]
os.chdir(folder)
os.getsid(0)
for path in ("link", "file", "missing"):
    try: os.close(os.open(path, os.O_RDONLY))
    except OSError: pass
here = os.open(".", os.O_RDONLY)
os.mkdir("made", dir_fd=here)
os.rmdir("made", dir_fd=here)
libc.prctl(15, b"part", 0, 0, 0)
one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
text = ctypes.create_string_buffer(b"part", 4)
vector = (ctypes.c_void_p * 2)(ctypes.addressof(text), 4)
message = (ctypes.c_void_p * 8)(None, None, ctypes.addressof(vector), 1, None, None, None, None)
assert libc.sendmmsg(one.fileno(), message, 1, 0) == 1
with socket.socket(socket.AF_UNIX) as other:
    try: other.connect("nobody")
    except OSError: pass
signal.signal(signal.SIGUSR1, lambda *_: None)
os.kill(os.getpid(), signal.SIGUSR1)
os.setuid(0)
for arguments in ([program, "work"], [program, "work", "sockets"], ["/missing"]):
    pid = os.fork()
    if pid == 0:
        try: os.execv(arguments[0], arguments)
        except OSError: os._exit(0)
    print("pid", pid, flush=True)
    os.waitpid(pid, 0)
print("pid", os.getpid())
"""


def plan(condition):
    """Return the plan for one rule."""
    expr = check(parse(condition), CATALOG).expr
    fields = frozenset(ref.field.name for ref in ir.fields(expr))
    return Plan("syscall", event_types(expr, frozenset(BY_NAME)), fields, condition=expr)


def taken(condition):
    """Return the parts that a rule takes."""
    return takes(ask(CONFIG, plan(condition)))


def test_each_program_is_there():
    """Parts and stages are programs of the object, each in one part at most; so are those whose weight is known."""
    probe = Object(Library(), loading.image())
    names = {name for name, _ in probe._each_program()}
    probe.close()
    in_parts = [program for part in parts.PARTS.values() for program in part.programs]
    in_stages = {name for found in stages.STAGES.values() for name in found.values()}

    assert {*in_parts} | in_stages | parts._WEIGHTS.keys() <= names
    assert len(in_parts) == len({*in_parts})


def test_halves():
    """All programs are in one of two halves, which take about as long. A few are not parted."""
    names = {*parts._WEIGHTS, *parts.OPTIONAL, "sys_exit"}
    first, second = parts.halved(names)
    weights = [sum(parts._WEIGHTS.get(name, 1) for name in half) for half in (first, second)]

    assert names == first | second
    assert not first & second
    assert abs(weights[0] - weights[1]) <= 1
    assert [frozenset({"submit_messages"})] == parts.halved({"submit_messages"})


@pytest.mark.parametrize("name", BY_NAME)
def test_what_an_event_type_takes(name):
    """A rule on any event type takes what can have to do with its events: by what is said of the type."""
    found, row = taken(f"evt.type = {name}"), BY_NAME[name]

    assert (parts.URING in found) == (name in wanted._REQUESTS.values())
    assert (parts.MESSAGES in found) == bool(row.want & R.WANT_MESSAGES)
    assert (parts.FOLDERS in found) == (has_folders(row) and name not in MOMENTS)
    assert (parts.EXECS in found) == (name == "execve")
    assert (parts.EXITS in found) == (name == "procexit")
    assert (parts.BEGUN in found) == bool(row.want & R.WANT_BEGIN)
    assert (parts.MADE in found) == (name == "clone3")
    assert (parts.RENAMED in found) == (name == "prctl")
    assert wanted.hooks(frozenset({name})) <= found
    assert found & {"signals", "switches", "faults"} == (
        {{"signaldeliver": "signals", "switch": "switches", "page_fault": "faults"}[name]} if name in MOMENTS else set()
    )
    if row.want & (R.WANT_FD | R.WANT_REACHED) or row.hooks or row.left or parts.URING in found:
        assert parts.NAMES in found


def named(field):
    """Return how a rule names a field."""
    if field.name in ARGUMENTS:
        return f"{field.name}.{ARGUMENTS[field.name]}"
    return f"{field.name}[0]" if field.arg_required else field.name


@pytest.mark.parametrize("field", [*map(named, FIELDS)])
def test_what_a_field_takes(field):
    """What of a caller is read at the moment of an event is read by a program; no rule has such a field without it."""
    asked = read(alone(ask(CONFIG, plan(f"evt.type = chdir and {field} exists"))))

    assert (parts.PRESENT in taken(f"evt.type = chdir and {field} exists")) == any(
        bits & ~(R.ASKS_REQUESTED | R.ASKS_ENVIRONMENT) for bits in asked.present.values()
    )


def test_several_rules_take_what_each_takes():
    """Nothing that one rule takes is left out beside another one."""
    together = taken(" or ".join(f"({rule})" for rule in RULES))

    assert frozenset().union(*map(taken, RULES)) <= together
    assert taken("evt.type = openat") < together < parts.ALL


def test_everything_that_a_process_does():
    """Where all processes are told of, also of their executed programs is told."""
    assert parts.EXECS in takes(ask(EVERY, plan("evt.type = chdir")))


def test_accounts_that_are_not_there():
    """A rule on an account takes the same whether there is one: it may come later, when a loader has begun."""
    condition = "evt.type in (execve, openat) and user.name = nobody-has-this-name and container.id = host"

    assert [] == read(alone(ask(CONFIG, plan(condition)))).types
    assert taken(condition) == taken("evt.type in (execve, openat)")


class Collected:
    """A probe with some parts, which collects what a rule asks for."""

    def __init__(self, condition, taken, settings=CONFIG):
        self.asked = read(alone(ask(settings, plan(condition))))
        to_load, library = how(settings), Library()
        prepared = loading.prepare(
            library, Kernel(library), to_load.settings, to_load.options, by_function=True, takes=lambda wait: taken
        )
        self.probe = ReadProbe(to_load.settings, to_load.options, by_function=True, prepared=prepared)
        self.collection = Collection(settings, self.probe, to_load.options, WatchedFiles(self.probe))
        self.collection.update(self.asked)
        self.names = {*self.probe.object.loaded()}

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.collection.close()
        self.probe.close()

    def emptied(self):
        """Read all that there is, and return what has been lost until then."""
        while self.probe.read():
            pass
        return self.probe.lost()

    def events(self, pids):
        """Return what is told of these processes' events, in any order, but when and where they ran.

        That processes end is told if a rule asks for it, and else only as far as user space knows them.
        """
        found = []
        while batch := self.probe.read():
            found += batch
        headers = [(record_parts.header(data), data) for data in found]
        self.ended = ended = {header.pid for header, _ in headers if header.kind == R.KIND_EXIT}
        events = [data for header, data in headers if header.kind in (R.KIND_CALL, R.KIND_EXEC) and header.pid in pids]
        return sorted(map(self._known, events)), pids & ended if self.asked.options.procexit else set()

    @staticmethod
    def _known(data):
        header, sections = record_parts.header(data), record_parts.sections(data)
        return (header.kind, header.call, header.pid, header.tid, header.ret, tuple(tag for tag, _ in sections))


@pytest.fixture(scope="module")
def activity(compiled):
    """Return a function that runs what the rules are about, and returns the processes' numbers and what probes tell.

    Other tests' floods spend the budgets of all of root's processes, and differently for each probe: where one of the
    probes has lost anything meanwhile, all is done anew.
    """
    program = compiled("requests.c", "evasion/ring.c")

    def activity(folder, *probes):
        for number in range(TRIES):
            lost = [probe.emptied() for probe in probes]
            pids = once(folder / str(number))
            told = [probe.events(pids) for probe in probes]
            if lost == [probe.probe.lost() for probe in probes]:
                return pids, *told
        pytest.fail(f"in each of {TRIES} tries, something was lost: {[probe.probe.lost() for probe in probes]}")

    def once(folder):
        (folder / "work").mkdir(parents=True)
        (folder / "file").touch()
        (folder / "link").symlink_to("file")
        command = [sys.executable, "-ISc", ACTIVITY, folder, program]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        time.sleep(0.3)  # until the kernel's threads for requests have ended, too
        return {int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("pid ")}

    return activity


@pytest.mark.parametrize("condition", [RULES[0], RULES[1], RULES[-1]])
def test_what_is_known_late(machine, condition):
    """Where it is not known at first what the rules ask for, exactly that is loaded in the end; all, if it never is."""
    needed, asked_for = taken(condition), []

    def known(wait):
        asked_for.append(wait)
        return needed if wait is None else None

    names = [loaded_with(takes) for takes in (known, lambda wait: needed, lambda wait: None, lambda wait: parts.ALL)]

    assert asked_for[-1:] in ([None], [])  # the form for older kernels is loaded whole
    assert names[0] == names[1]
    assert names[2] == names[3]


def loaded_with(takes):
    """Return the programs that are loaded, and those that are stages."""
    to_load, library = how(CONFIG), Library()
    prepared = loading.prepare(
        library, Kernel(library), to_load.settings, to_load.options, by_function=False, takes=takes
    )
    with ReadProbe(to_load.settings, to_load.options, prepared=prepared) as probe:
        return {*probe.object.loaded()}


@pytest.mark.parametrize("condition", RULES)
def test_the_same_events(machine, activity, tmp_path, condition):
    """With the parts that a rule takes, the same is told of the same events as with all parts; no program is spare."""
    needed = taken(condition)
    with Collected(condition, parts.ALL) as whole, Collected(condition, needed) as part:
        _, told, told_by_part = activity(tmp_path, whole, part)

        assert any(told)
        assert told == told_by_part
        if not part.probe.kernel.untyped:  # all of the form for older kernels is loaded
            assert whole.names - part.names == parts.programs(parts.ALL - needed) & whole.names


def test_all_processes(machine, activity, tmp_path):
    """Where all processes are told of, they are without the part for exits, too."""
    needed = takes(ask(EVERY, plan(RULES[0])))
    with Collected(RULES[0], parts.ALL, EVERY) as whole, Collected(RULES[0], needed, EVERY) as part:
        pids, (told, _), (told_by_part, _) = activity(tmp_path, whole, part)

        assert parts.EXITS not in needed
        assert pids <= whole.ended
        assert (told, whole.ended & pids) == (told_by_part, part.ended & pids)


def test_a_part_that_comes_later(machine, activity, tmp_path):
    """A probe without any part is given those of another rule while it runs: then it tells the same as with all."""
    condition = RULES[-1]
    with Collected(condition, parts.ALL) as whole, Collected(RULES[0], frozenset()) as part:
        if part.probe.kernel.untyped:
            pytest.skip("all parts of the form for older kernels are loaded")
        lacking = part.probe.lacks(taken(condition))
        part.probe.take_in(taken(condition))
        part.asked = whole.asked
        part.collection.update(part.asked)
        _, (told, ended), (told_by_part, ended_by_part) = activity(tmp_path, whole, part)

        assert lacking
        assert not part.probe.lacks(taken(condition))
        assert not Counter(told) - Counter(told_by_part)
        assert not Counter(told_by_part) - Counter(told)
        assert ended == ended_by_part
