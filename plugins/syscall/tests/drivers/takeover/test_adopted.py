"""A loader finds the probe of an earlier agent, and lets it go on; or it cannot, and says so."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from sys import byteorder

import pytest

from falcohost import Plan, SourceError, handed
from falcohost.kept import LoadAgain
from falcohost_syscall.drivers.modern_ebpf import loader as loader_module
from falcohost_syscall.drivers.modern_ebpf import loading, sentinel
from falcohost_syscall.drivers.modern_ebpf.adopted import Adopted
from falcohost_syscall.drivers.modern_ebpf.asked import ask
from falcohost_syscall.drivers.modern_ebpf.config import parse
from falcohost_syscall.drivers.modern_ebpf.decoding.parts import ARG0, CALL, PID
from falcohost_syscall.drivers.modern_ebpf.loader import Loader
from falcohost_syscall.drivers.modern_ebpf.probe import CONTROL, Probe
from falcohost_syscall.drivers.modern_ebpf.status import JOURNAL, PROBE
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.ring import Ring
from falcohost_syscall.records.record import HEADER, STAGE_SUBMIT

SETTINGS = {"falcohost": {"pushdown": False}}
PLAN = Plan("syscall", frozenset({"openat"}), frozenset({"fd.name"}))
OTHER = Plan("syscall", frozenset({"openat", "unlinkat"}), frozenset({"fd.name"}))


def asked(plan):
    """Return what a plan asks for."""
    return ask(parse(SETTINGS), plan)


@pytest.fixture(scope="module")
def former(bpf):
    """Return the loader of an earlier agent, which has loaded the probe."""
    loader = Loader(SETTINGS)
    loader.open(asked(PLAN))
    yield loader
    loader.close()


@pytest.fixture
def leave(former):
    """Return a function that leaves what the former loader held to the next one, changed as the test says."""
    former.hand_up()
    kept, held = dict(handed.KEPT), dict(handed.HELD)
    handed.KEPT.clear()
    handed.HELD.clear()

    def leave(**changed):
        parts = {name: changed.get(name, those) for name, those in {**kept, **held}.items()}
        copies = {name: tuple(map(os.dup, those)) for name, those in parts.items() if those}
        handed.inherit({n: c for n, c in copies.items() if n in kept}, {n: c for n, c in copies.items() if n in held})

    yield leave
    handed.INHERITED.clear()
    handed.HELD_BEFORE.clear()


@pytest.fixture
def successor():
    """Return the loader of the next agent, not opened yet."""
    loader = Loader(SETTINGS)
    yield loader
    if hasattr(loader, "probe"):  # with nothing collected, if it was refused
        (loader if hasattr(loader, "collection") else loader.probe).close()


def test_the_same_is_asked_for(leave, former, successor):
    """The probe goes on with all that it had; asking for the same again changes nothing."""
    former.probe.ignore(4194000)
    leave()
    successor.open(asked(PLAN))
    successor.look()
    successor.update(asked(PLAN))

    assert isinstance(successor.probe, Adopted)
    assert [] == looked(successor)
    assert former.status().rows == successor.status().rows
    assert {os.getpid()} == successor.probe.ignored()  # the former agent's processes are gone
    for name in (PROBE, JOURNAL):
        assert [os.fstat(one).st_ino for one in former.descriptors[name]] == [
            os.fstat(one).st_ino for one in successor.descriptors[name]
        ]


def test_what_the_loader_opens_itself(leave, former, successor, monkeypatch):
    """It is left out by the adopted probe before it opens the files that rules name, so that this raises no alert."""
    ignored = []
    watch = loader_module.WatchedFiles.watch

    def noted(self, paths):
        ignored.append(os.getpid() in self._probe.ignored())
        watch(self, paths)

    monkeypatch.setattr(loader_module.WatchedFiles, "watch", noted)
    former.probe.observe(os.getpid())
    leave()
    successor.open(asked(PLAN))

    assert [True] == ignored


def looked(loader):
    """Return what the loader finds when it looks for what somebody has changed."""
    loader._looked = loader._integrity._checked = 0.0
    return list(loader.look())


@pytest.mark.parametrize("by", ["former", "successor"])
def test_arrays_are_compared_with_one_call(leave, former, successor, by):
    """So they are once nothing was written between two looks, by who has loaded the probe and by who takes it over."""
    loader = former
    if by == "successor":
        leave()
        successor.open(asked(PLAN))
        loader = successor
    for _ in range(3):
        assert [] == looked(loader)
    digest = loader._integrity._digest

    assert digest.is_of(digest._version, lambda: pytest.fail("it was made anew"))
    if by == "successor":
        program = digest._program
        successor.close()
        del successor.probe
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(program)


def entry(loader, name):
    """Return the descriptor of a map, and a key and the value that the loader has written there."""
    probe = loader.probe
    found = next(one for one in probe.ledger.entries().values() if one.name == name)
    key, value = max(found.values.items(), key=lambda one: sum(one[1]))
    return probe.map_fd(name), key, value


@pytest.mark.parametrize("when", ["between", "later"])
@pytest.mark.parametrize("name", ["calls", ".data.wanted", ".data.options"])
def test_a_map_that_somebody_has_changed(leave, former, successor, when, name):
    """The loader finds it, tells, and mends it, though another one had written it: also what was changed in between."""
    fd, key, value = entry(former, name)
    leave()
    if when == "later":
        successor.open(asked(PLAN))
        assert [] == looked(successor)
    former.probe.object.update(fd, key, bytes(byte ^ 1 for byte in value))
    if when == "between":
        successor.open(asked(PLAN))

    assert [f"entries of the map '{name}' were changed (number: 1); they are written again"] == looked(successor)
    assert value == former.probe.object.find(fd, key, len(value))
    assert [] == looked(successor)


def test_a_canary_that_is_gone(leave, former, successor):
    """What cannot be mended is told, and everything is loaded anew."""
    fd, nobody = former.probe.map_fd("large_images"), b"\xff" * 4
    leave()
    former.probe.object.delete(fd, nobody)
    successor.open(asked(PLAN))
    (said,) = looked(successor)
    former.probe.object.update(fd, nobody, former._integrity.canaries["large_images"])

    assert "entries of the map 'large_images' were changed or removed; everything is loaded anew" == said
    with pytest.raises(SourceError, match="loaded anew"):
        looked(successor)


def test_a_program_that_somebody_has_replaced(leave, former, successor):
    """It is found in the arrays of stages and of filters."""
    object_ = former.probe.object
    fd, key = former.probe.map_fd("stages"), STAGE_SUBMIT.to_bytes(4, byteorder)
    number = int.from_bytes(object_.find(fd, key, 4), byteorder)
    (name,) = [one for one in object_.loaded() if object_.identity(object_.program_fd(one)) == number]
    leave()
    successor.open(asked(PLAN))
    object_.delete(fd, key)
    (said,) = looked(successor)
    object_.update(fd, key, object_.program_fd(name).to_bytes(4, byteorder))

    assert "entries of the map 'stages' were changed (number: 1); everything is loaded anew" == said


@pytest.fixture
def pids(bpf):
    """Return a function that has a loader adopt the probe of an agent whose supervisor was another; it returns both."""
    with contextlib.ExitStack() as ending:

        def pids(attach):
            settings = {"falcohost": {"pushdown": False, "attach": attach}}
            former, successor = (Loader({**settings, "agent_pid": pid}, sentinel=True) for pid in (1, os.getpid()))
            what = ask(parse(settings), PLAN)
            former.open(what)
            ending.callback(former.close)
            former.hand_up()
            left = (handed.KEPT, handed.HELD)
            handed.inherit(*({name: tuple(map(os.dup, those)) for name, those in kept.items()} for kept in left))
            for kept in left:
                kept.clear()
            sentinel.call(76)
            successor.open(what)
            ending.callback(successor.close)
            assert isinstance(successor.probe, Adopted)
            return former, successor

        yield pids


def test_the_sentinel_of_another_supervisor(pids, monkeypatch):
    """The probe lets the calls of the new one pass, and not those of the former one any more."""
    monkeypatch.setattr(loading, "may_be_left_out", lambda _: False)
    own = os.getpid()
    former, successor = pids("tracepoint")
    row = former.status().expected.row
    assert ((row, 1), (row, own)) == tuple(
        (one.row, one.pid) for one in (former.status().expected, successor.status().expected)
    )
    sentinel.call(77)
    ring = Ring(former.descriptors[PROBE][0], former.status().ring_sizes[0])
    headers = [HEADER.unpack_from(data) for data in ring.drain(limit=1 << 30)]
    ring.close()

    assert [77] == [h[ARG0 + sentinel.NUMBER] for h in headers if (h[PID], h[CALL]) == (own, row)]
    assert [] == looked(successor)


def test_the_sentinel_of_another_supervisor_at_functions(functions, pids):
    """There another loader loads everything anew."""
    _, successor = pids("function")

    assert 0 == successor.status().expected.row
    with pytest.raises(LoadAgain, match="of another supervisor"):
        successor.look()


def test_the_sentinel_of_another_supervisor_by_perf(pids, monkeypatch):
    """There, too: its filter is that of a copy."""
    monkeypatch.setattr(loading, "may_be_left_out", lambda _: True)
    if loading.needs_older(Library()):
        pytest.skip("the form for older kernels sees no calls by way of perf: there no program is copied")
    _, successor = pids("tracepoint")

    assert 0 == successor.status().expected.row
    with pytest.raises(LoadAgain, match="of another supervisor"):
        successor.look()


def test_what_is_held_is_handed_up_again(leave, successor):
    """So the agent after the next one can take over too."""
    leave()
    successor.open(asked(PLAN))
    successor.hand_up()
    handed.inherit(
        {name: tuple(map(os.dup, those)) for name, those in handed.KEPT.items()},
        {name: tuple(map(os.dup, those)) for name, those in handed.HELD.items()},
    )
    third = Loader(SETTINGS)
    third.open(asked(PLAN))

    assert isinstance(third.probe, Adopted)
    third.close()


def test_something_else_is_asked_for(leave, successor):
    """The probe goes on, until another loader has loaded another one."""
    leave()
    successor.open(asked(OTHER))

    assert isinstance(successor.probe, Adopted)
    with pytest.raises(LoadAgain, match="have changed"):
        successor.look()


def test_other_rules_later(leave, successor):
    """They are another loader's task, and so is measuring."""
    leave()
    successor.open(asked(PLAN))
    with pytest.raises(LoadAgain, match="ask for something else"):
        successor.update(asked(OTHER))
    with pytest.raises(LoadAgain, match="measured"):
        successor.measure(True)


def test_another_version(leave, former, successor, monkeypatch, tmp_path, caplog):
    """What cannot be read is counted, and said; the probe is loaded anew."""
    for number in range(3):
        (tmp_path / str(number)).touch()
    monkeypatch.setattr(loader_module, "layout", lambda: "another")
    another = Loader(SETTINGS)
    leave()
    another.open(asked(PLAN))
    try:
        assert isinstance(another.probe, Probe)
        assert another.status().unread >= 3
        assert "is of another version, and is loaded anew" in caplog.text
        assert f"{another.status().unread} events" in caplog.text
    finally:
        another.close()


def test_less_than_everything(leave, successor):
    """If a part is missing, nothing is taken over, and nothing stays open."""
    leave(**{CONTROL: ()})
    before = len(list(Path("/proc/self/fd").iterdir()))
    successor.open(asked(PLAN))

    assert isinstance(successor.probe, Probe)
    successor.close()
    assert len(list(Path("/proc/self/fd").iterdir())) < before
    del successor.probe


@pytest.mark.parametrize("part", [PROBE, CONTROL, "links", "programs", "status", JOURNAL, "reported"])
def test_descriptors_of_another_kind(leave, former, successor, part):
    """Where a part is something else, the probe is loaded anew, or that is an error; the process goes on."""
    null = os.open(os.devnull, os.O_RDWR)
    held = {**former.descriptors, **former.probe.held}
    leave(**{part: [null] * len(held[part])})
    os.close(null)
    try:
        successor.open(asked(PLAN))
        successor.look()
    except Exception as error:
        assert isinstance(error, (OSError, ValueError, LoadAgain)) or type(error).__name__ == "LibbpfError"
