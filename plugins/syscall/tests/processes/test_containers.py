"""Containers told by the paths of cgroups."""

from __future__ import annotations

import pytest

from falcohost_syscall.processes.containers import HOST, Container, Containers, from_path

ID = "0123456789abcdef" * 4
SHORT = ID[:12]


def found(path: str) -> tuple[str, str] | None:
    """Return id and runtime."""
    container = from_path(path, lambda namespace, name: (namespace, name) == ("default", "web"))
    return (container.id, container.type) if container else None


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
        ("/default/web", "web", "containerd"),
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

    assert Container(SHORT, ID, "docker") == containers.learn(5, ["cpu=/", f"memory=/docker/{ID}", "pids=/lxc/x"])
    assert containers.get(5).id == SHORT
    assert containers.cgroups(5) == ("cpu=/", f"memory=/docker/{ID}", "pids=/lxc/x")


def test_unknown_key_is_the_host():
    """Tasks of whose cgroups nothing was told are on the host."""
    assert HOST == Containers().get(1)
