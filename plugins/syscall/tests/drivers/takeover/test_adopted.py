"""A loader finds the probe of an earlier agent, and lets it go on; or it cannot, and says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from falcohost import Plan, handed
from falcohost.kept import LoadAgain
from falcohost_syscall.drivers.modern_ebpf import loader as loader_module
from falcohost_syscall.drivers.modern_ebpf.adopted import Adopted
from falcohost_syscall.drivers.modern_ebpf.asked import ask
from falcohost_syscall.drivers.modern_ebpf.config import parse
from falcohost_syscall.drivers.modern_ebpf.loader import Loader
from falcohost_syscall.drivers.modern_ebpf.probe import CONTROL, Probe
from falcohost_syscall.drivers.modern_ebpf.status import JOURNAL, PROBE

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
    if hasattr(loader, "probe"):
        loader.close()


def test_the_same_is_asked_for(leave, former, successor):
    """The probe goes on with all that it had; asking for the same again changes nothing."""
    former.probe.ignore(4194000)
    leave()
    successor.open(asked(PLAN))
    successor.look()
    successor.update(asked(PLAN))

    assert isinstance(successor.probe, Adopted)
    assert former.status().rows == successor.status().rows
    assert {os.getpid()} == successor.probe.ignored()  # the former agent's processes are gone
    for name in (PROBE, JOURNAL):
        assert [os.fstat(one).st_ino for one in former.descriptors[name]] == [
            os.fstat(one).st_ino for one in successor.descriptors[name]
        ]


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
