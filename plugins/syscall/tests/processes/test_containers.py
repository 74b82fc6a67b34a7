"""Containers told by the paths of cgroups."""

from __future__ import annotations

import pytest

from falcohost_syscall.processes.containers import HOST, Container, Containers, from_path
from falcohost_syscall.processes.table import Image, Process

ID = "0123456789abcdef" * 4
SHORT = ID[:12]


def found(path: str) -> tuple[str, str] | None:
    """Return id and runtime."""
    container = from_path(path)
    return (container.id, container.type) if container else None


def process(exepath: str = "/bin/sh", *arguments: str, parent: Process | None = None) -> Process:
    """Return a process."""
    raw = b"".join(f"{argument}\0".encode() for argument in (exepath, *arguments))
    made = Process(2, 1, 2, 1, "", 5, Image(raw, b"", exepath.encode()))
    made.parent = parent
    return made


def shim(*arguments: str, exepath: str = "/usr/bin/containerd-shim-runc-v2") -> Process:
    """Return containerd's shim of the task ``web``, or of another with *arguments*."""
    return process(exepath, *(arguments or ("-namespace", "default", "-id", "web", "-address", "/run/x.sock")))


@pytest.mark.parametrize(
    ("path", "runtime"),
    [
        (f"/docker/{ID}", "docker"),
        (f"/system.slice/docker-{ID}.scope", "docker"),
        (f"/machine.slice/libpod-{ID}.scope", "podman"),
        (f"/machine.slice/libpod-{ID}.scope/container", "podman"),
        (f"/machine.slice/libpod-payload-{ID}", "podman"),
        (f"/kubepods.slice/kubepods-besteffort.slice/cri-containerd-{ID}.scope", "cri"),
        (f"/kubepods/besteffort/pod1/crio-{ID}", "cri"),
        (f"/kubepods.slice/kubepods-pod1.slice:cri-containerd:{ID}", "cri"),
        (f"/system.slice/nerdctl-{ID}.scope", "cri"),
    ],
)
def test_knows_runtimes(path, runtime):
    """The names that runtimes give to cgroups are containers with the first twelve digits as id."""
    assert (SHORT, runtime) == found(path)


@pytest.mark.parametrize(
    ("path", "name", "runtime"),
    [
        ("/lxc/web", "web", "lxc"),
        ("/lxc.payload.web/system.slice", "web", "lxc"),
        ("/lxc.payload/web", "web", "lxc"),
    ],
)
def test_knows_names(path, name, runtime):
    """Runtimes that name their cgroups after the container give its name as id."""
    assert (name, runtime) == found(path)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/init.scope",
        "/user.slice/user-0.slice/session-1.scope",
        "/system.slice/ssh.service",
        "/process_api/0d2d199541890efb37336b56d8e0929d",
        f"/{ID[:63]}",
        f"/docker/{ID}0",
        f"/system.slice/backup-{ID}.service",
        f"/docker-{ID}.slice",
        "/default/other",
    ],
)
def test_knows_what_is_none(path):
    """A cgroup that no runtime names so is no container, whatever hexadecimal digits it has."""
    assert found(path) is None


def test_first_path_that_matches_decides():
    """Of a task's cgroups the first that is a container's counts, in the order of the hierarchies."""
    containers = Containers()
    containers.learn(5, ["cpu=/", f"memory=/docker/{ID}", "pids=/lxc/x"])

    assert Container(SHORT, ID, "docker") == containers.get(5)
    assert containers.cgroups(5) == ("cpu=/", f"memory=/docker/{ID}", "pids=/lxc/x")


def test_unknown_key_is_the_host():
    """Tasks of whose cgroups nothing was told are on the host."""
    assert HOST == Containers().get(1)


def test_a_running_task():
    """A cgroup that may be that of a task of ctr is one if containerd has that."""
    containers, found = Containers(lambda namespace, name: (namespace, name) == ("default", "web")), []
    containers.on_found = lambda key, container: found.append((key, container.id))
    containers.learn(5, ["=/default/web"])
    containers.learn(6, ["=/default/web.service"])

    assert Container("web", "web", "containerd") == containers.get(5)
    assert [(5, "web"), (6, "host")] == found


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
    ],
)
def test_a_task_that_has_ended(ancestor, container):
    """Where containerd does not have the task any more, the ancestors of its first event's process decide, once."""
    containers, found = Containers(lambda namespace, name: False), []
    containers.on_found = lambda key, container: found.append((key, container.id))
    containers.learn(5, ["cpu=/default/web"])
    undecided = (containers.get(5), list(found))

    containers.decide(5, process(parent=ancestor))
    assert (container, set()) == (containers.get(5).id, {*containers.undecided})
    assert (HOST, []) == undecided
    assert [(5, container)] == found
    assert ("cpu=/default/web",) == containers.cgroups(5)
