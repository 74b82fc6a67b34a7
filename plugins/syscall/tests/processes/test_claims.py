"""Containers told by which process has started them, where the path of a cgroup only claims one."""

from __future__ import annotations

import sys

import pytest

from falcohost_syscall.processes import proc_reader
from falcohost_syscall.processes.cgroup_names import HOST, Container
from falcohost_syscall.processes.containers import Containers
from falcohost_syscall.processes.proc_reader import GONE, Here
from falcohost_syscall.processes.table import Image, Process
from falcohost_syscall.records.record import EXE_FROM_MEMFD

ID = "0123456789abcdef" * 4
SHORT = ID[:12]


def process(exepath: str = "/bin/sh", *arguments: str, parent: Process | None = None) -> Process:
    """Return a process."""
    raw = b"".join(f"{argument}\0".encode() for argument in (exepath, *arguments))
    made = Process(2, 1, 2, 1, "", 5, Image(raw, b"", exepath.encode()))
    made.parent = parent
    return made


def copied(*arguments: str, exepath: str = "/", in_memory: bool = False) -> Process:
    """Return a process whose program is a copy without a path, with all *arguments*, the zeroth included."""
    raw = b"".join(f"{argument}\0".encode() for argument in arguments)
    made = Process(2, 1, 2, 1, "", 5, Image(raw, b"", exepath.encode()))
    made.image.exe_flags = EXE_FROM_MEMFD if in_memory else 0
    return made


def shim(*arguments: str, exepath: str = "/usr/bin/containerd-shim-runc-v2") -> Process:
    """Return containerd's shim of the task ``web``, or of another with *arguments*."""
    return process(exepath, *(arguments or ("-namespace", "default", "-id", "web", "-address", "/run/x.sock")))


def test_a_running_task():
    """A cgroup that may be that of a task of ctr is one if containerd has that."""
    containers, found = Containers(lambda claim: claim[:2] == ("default", "web")), []
    containers.on_found = lambda key, container: found.append((key, container.id))
    containers.learn(5, ["=/default/web"])
    containers.learn(6, ["=/default/web.service"])
    containers.learn(7, ["=/default/web/child"])

    assert Container("web", "web", "containerd") == containers.get(5)
    assert ([(5, "web")], {6, 7}) == (found, {*containers.undecided})
    containers.decide(7, process())
    assert Container("web", "web", "containerd") == containers.get(7)
    assert [(5, "web"), (7, "web")] == found
    assert {6} == {*containers.undecided}


def test_a_running_container_of_runc():
    """A cgroup with any name is that of a bare container if runc or crun has one there; what is below it too."""
    at = {"/a/web", "/system.slice/runc-job.scope", f"/backup/{ID}"}
    containers = Containers(lambda claim: claim.path in at and not claim.namespace)
    for key, path in enumerate(["/a/web", "/a/web/x/y", "/system.slice/runc-job.scope", f"/backup/{ID}", "/a"]):
        containers.learn(key, ["=/", f"={path}"])

    assert [("web", "runc"), ("web", "runc"), ("job", "runc"), (SHORT, "docker"), ("host", "host")] == [
        (containers.get(key).id, containers.get(key).type) for key in range(5)
    ]


@pytest.fixture
def interned(monkeypatch) -> list[str]:
    """Return what is interned from now on by code in Python."""
    texts: list[str] = []
    intern = sys.intern

    def note(text: str) -> str:
        texts.append(text)
        return intern(text)

    monkeypatch.setattr(sys, "intern", note)
    return texts


def test_asking_what_has_started_a_container_interns_no_names(interned):
    """With thousands, Python makes its table of interned texts anew: 2 MB that a process no longer shares."""
    containers = Containers(lambda claim: False)
    containers.learn(5, ["=/web"])
    containers.decide(5, process(parent=process("/usr/sbin/other", "run", "web", parent=copied("/sbin/it"))))

    assert [] == interned


@pytest.mark.parametrize("claim", [("", "web", "/web"), ("", ID, f"/{ID}"), ("default", "web", "/default/web")])
def test_asking_for_a_container_interns_no_names(interned, tmp_path, monkeypatch, claim):
    """The same of who looks for the runtime's state."""
    (tmp_path / "default").mkdir()
    monkeypatch.setattr(proc_reader, "_STATES_OF", (tmp_path,))
    interned.clear()

    assert not Here().has_container(*claim)
    assert [] == interned


def in_namespace(made: Process) -> Process:
    """Return the process with the numbers that it has in a pid namespace of its own."""
    made.session = (700, 700, 7, 7, 0)
    return made


#: The cgroup of a task of ctr, which a runtime of this machine has.
OF_CTR = "/default/outer"


@pytest.mark.parametrize("at", [f"/docker/{ID}", OF_CTR, f"/docker/{'f' * 64}/docker/{ID}"])
@pytest.mark.parametrize(
    ("below", "ancestor", "found"),
    [
        ("/web", process("/usr/sbin/runc", "run", "web"), ("web", "runc")),
        ("/web/x/y", process("/usr/sbin/runc", "run", "web"), ("web", "runc")),
        ("/system.slice/runc-web.scope", copied("runc", "run", "web"), ("web", "runc")),
        ("/web", copied("crun", "run", "web"), ("web", "runc")),
        ("/default/web", shim(), ("web", "containerd")),
        ("/default/web", shim("-namespace", "other", "-id", "web"), None),
        ("/web", process("/usr/sbin/runc", "run", "other"), None),
        ("/web", process(), None),
        ("/host", process("/usr/sbin/runc", "run", "host"), None),
        ("", process("/usr/sbin/runc", "run", "web"), None),
    ],
)
def test_a_bare_container_in_another(at, below, ancestor, found):
    """It is known by the program that has started it, which runs in the outer one."""
    containers = Containers(lambda claim: claim.path == OF_CTR and bool(claim.namespace))
    containers.learn(4, [f"={at}"])
    containers.learn(5, ["=/", f"={at}{below}"])
    outer = containers.get(4)
    if 5 in containers.undecided:
        assert outer == containers.get(5)
        containers.decide(5, process(parent=in_namespace(ancestor)))
    inner = containers.get(5)

    assert (inner.full_id, inner.type) == (found or (outer.full_id, outer.type))
    assert inner.outer == (f"{outer.type}/{outer.full_id}" if found else outer.outer)


def test_who_starts_a_container_around_another():
    """What runs on the host, such as ``runc init``, has started none in this one, whatever its arguments are."""
    containers = Containers(lambda claim: False)
    containers.learn(5, [f"=/docker/{ID}/init"])
    containers.decide(5, process(parent=copied("runc", "init")))

    assert ID == containers.get(5).full_id


def test_a_bare_container_in_one_of_a_users():
    """Nobody's programs count in cgroups that a user names."""
    containers, at = Containers(lambda claim: False), f"/user.slice/user-7.slice/user@7.service/docker-{ID}.scope"
    containers.learn(4, [f"={at}"])
    containers.learn(5, [f"={at}/web"])

    assert (ID, "user/7", {}) == (containers.get(5).full_id, containers.get(5).outer, containers.undecided)


def test_a_cgroup_named_like_another_container():
    """Who makes a cgroup in its own container that is named like another container of the machine stays where it is."""
    outer, other, inner = "a" * 64, "b" * 64, "c" * 64
    at = {outer: f"/docker/{outer}", other: f"/docker/{other}"}
    containers = Containers(lambda claim: claim.name in at and claim.path in ("", at[claim.name]))
    containers.learn(1, [f"=/docker/{outer}/docker/{other}"])
    containers.learn(2, [f"=/docker/{outer}/docker/{inner}"])
    containers.learn(3, [f"=/docker/{other}"])

    assert [outer, inner, other] == [containers.get(key).full_id for key in (1, 2, 3)]


@pytest.mark.parametrize(
    ("ancestor", "container"),
    [
        (shim(), "web"),
        (process(parent=shim()), "web"),
        (None, "host"),
        (process(), "host"),
        (shim("-namespace", "default", "-id", "other"), "host"),
        (shim("-namespace", "other", "-id", "web"), "host"),
        (shim("-id", "-namespace"), "host"),
        (shim(exepath="/tmp/shim"), "host"),
        (process("/usr/sbin/runc", "--root", "/x", "run", "web"), "web"),
        (process("/usr/bin/crun", "run", "other"), "host"),
        (process("/home/me/runc", "run", "web"), "host"),
        (process("/usr/bin/conmon", "-c", "web"), "web"),
        (copied("crun", "run", "web"), "web"),
        (copied("/usr/bin/crun", "run", "other"), "host"),
        (copied("crun", "run", "web", exepath="/memfd:crun (deleted)", in_memory=True), "web"),
        (copied("crun", "run", "web", exepath="/memfd:crun"), "host"),
        (copied("sh", "run", "web"), "host"),
        (copied("containerd-shim", "-namespace", "default", "-id", "web"), "host"),
        (copied(), "host"),
    ],
)
def test_a_task_that_has_ended(ancestor, container):
    """Where containerd does not have the task any more, the ancestors of its first event's process decide, once."""
    containers, found = Containers(lambda claim: False), []
    containers.on_found = lambda key, container: found.append((key, container.id))
    containers.learn(5, ["cpu=/default/web"])
    undecided = (containers.get(5), list(found))

    containers.decide(5, process(parent=ancestor))
    assert (container, set()) == (containers.get(5).id, {*containers.undecided})
    assert (HOST, []) == undecided
    assert [(5, container)] == found
    assert ("cpu=/default/web",) == containers.cgroups(5)


@pytest.mark.parametrize("user", [0, 1000])
def test_programs_of_users(user):
    """Who may name cgroups, and have a program with any path and arguments, has no container by that."""
    containers = Containers(lambda claim: False)
    containers.learn(5, [f"=/user.slice/user-{user}.slice/user@{user}.service/app.slice/web"])
    containers.decide(5, process(parent=copied("crun", "run", "web")))

    assert ("host" if user else "web") == containers.get(5).id


def test_a_state_that_comes_late():
    """A container whose runtime has written its state by the time of its first event is known by it."""
    has_state: list[str] = []
    containers = Containers(lambda claim: claim.path in has_state)
    containers.learn(5, ["=/x/web"])
    containers.learn(6, ["=/x/other"])
    has_state.append("/x/web")
    for key in (5, 6):
        containers.decide(key, process())

    assert ["web", "host"] == [containers.get(key).id for key in (5, 6)]


#: A service that systemd runs as a user, and to which it has given its cgroup.
OF_SERVICE = "/system.slice/shop.service"


def owner(path):
    """Return who may name cgroups beside *path*: user 7 in the service's own, only root elsewhere."""
    return 7 if path.startswith(f"{OF_SERVICE}/") else 0


@pytest.mark.parametrize(
    ("path", "outer"),
    [
        (f"{OF_SERVICE}/docker-{ID}.scope", "user/7"),
        (f"{OF_SERVICE}/x/docker-{'f' * 64}.scope/libpod-{ID}.scope", "user/7"),
        (f"/docker/{'f' * 64}{OF_SERVICE}/docker-{ID}.scope", f"docker/{'f' * 64}"),
        (f"/system.slice/docker-{ID}.scope", ""),
    ],
)
def test_a_service_that_names_cgroups(path, outer):
    """Who has been given a cgroup names those below: they are the user's, like those of a user's own systemd."""
    containers = Containers(lambda claim: False, owner)
    containers.learn(1, [f"={path}"])

    assert (ID, outer) == (containers.get(1).full_id, containers.get(1).outer)


@pytest.mark.parametrize(
    ("places", "container"),
    [(["", "/docker/x"], "host"), (["", f"{OF_SERVICE}/docker-{ID}.scope"], ID), ([], ID)],
    ids=["runs elsewhere", "runs there", "has ended"],
)
def test_a_service_that_ends_with_its_cgroup(places, container):
    """Nobody knows who has named what is below: it is not a container that runs somewhere else."""
    containers = Containers(lambda claim: claim.name == ID and claim.path in places, lambda path: GONE)
    containers.learn(1, [f"={OF_SERVICE}/docker-{ID}.scope/x"])

    assert (container, "") == (containers.get(1).full_id, containers.get(1).outer)


@pytest.mark.parametrize(("path", "container"), [(f"{OF_SERVICE}/web", "host"), ("/system.slice/web", "web")])
def test_programs_of_a_service(path, container):
    """A program that looks like crun makes no container of what the service has named."""
    containers = Containers(lambda claim: False, owner)
    containers.learn(5, [f"={path}"])
    containers.decide(5, process(parent=copied("crun", "run", "web")))

    assert container == containers.get(5).id


@pytest.mark.parametrize("below", ["/a" * 64, f"/{'n' * 250}" * 16], ids=["deep", "long"])
@pytest.mark.parametrize(
    ("of_process", "of_parent", "vpid", "is_apart", "found"),
    [
        (f"/docker/{ID}", "", 2, True, ID),
        ("/user.slice", f"/docker/{ID}", 2, True, "host"),
        ("", f"/docker/{ID}/x", 7, False, ID),
        ("", "/system.slice", 7, False, "unknown"),
        ("", "", 2, False, "host"),
        ("", "", 2, True, "unknown"),
    ],
)
def test_a_path_that_lacks_its_beginning(below, of_process, of_parent, vpid, is_apart, found):
    """What its end is called does not count, but what /proc says of the whole, or where the process came from."""
    parent = process()
    child = process(parent=parent)
    child.vpid = vpid
    paths = {id(child): of_process, id(parent): of_parent}
    containers = Containers(
        lambda claim: False,
        lambda path: 0,
        lambda one: tuple(f"{p}{below}" for p in (paths[id(one)],) if p),
        lambda one: is_apart,
    )
    containers.learn(2, [f"={below}/docker-{'f' * 64}.scope"])
    assert [2] == [*containers.undecided]
    containers.decide(2, child)

    assert found == containers.get(2).full_id


def test_what_a_process_came_from():
    """Its former cgroup decides, or that of an ancestor, where it is known."""
    containers, parent = Containers(paths=lambda one: ()), process()
    containers.learn(1, [f"=/docker/{ID}"])
    containers.learn(2, ["=" + "/a" * 64])
    parent.cgroup = 1
    containers.decide(2, process(parent=parent))

    assert ID == containers.get(2).full_id
