"""Containers told by the paths of cgroups."""

from __future__ import annotations

import pytest

from falcohost_syscall.processes.cgroup_names import HOST, Container, from_path
from falcohost_syscall.processes.containers import Containers

ID = "0123456789abcdef" * 4
SHORT = ID[:12]


def found(path: str) -> tuple[str, str] | None:
    """Return id and runtime."""
    container = from_path(path)
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
        (f"/kubepods/besteffort/pod0e5c6a6e-91d0-4c0e-8b0c-1c4f1b6e2a11/{ID}", "cri"),
        (f"/kubepods.slice/kubepods-pod1.slice/crio-{ID}.scope", "cri"),
        (f"/k8s.io/{ID}", "cri"),
        (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container", "podman"),
        (f"/user.slice/user-1000.slice/user@1000.service/app.slice/docker-{ID}.scope", "docker"),
        (f"/libpod_parent/libpod-{ID}", "podman"),
        (f"/buildkit/{ID}", "docker"),
        (f"/docker/{ID}/init.scope", "docker"),
        (f"/system.slice/docker-{ID}.scope/system.slice/nginx.service", "docker"),
        (f"/docker/{'f' * 64}/docker/{ID}", "docker"),
        (f"/docker/{'f' * 64}/kubelet/kubepods/burstable/pod1/{ID}/child", "cri"),
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
        ("/machine.slice/machine-lxc\\x2d7\\x2dweb.scope", "web", "libvirt_lxc"),
        ("/machine.slice/systemd-nspawn@web.service/payload/system.slice", "web", "systemd-nspawn"),
        ("/machine.slice/machine-web\\x2d1.scope", "web-1", "systemd-nspawn"),
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
        f"/backup/{ID}",
        f"/{ID}",
        f"/docker/x{ID}",
        f"/system.slice/{ID}.service",
        f"/user.slice/docker-{ID}.scope.d",
        "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
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


@pytest.mark.parametrize(
    ("path", "outer"),
    [
        (f"/docker/{'f' * 64}/docker/{ID}", f"docker/{'f' * 64}"),
        (f"/machine.slice/libpod-{'f' * 64}.scope/container/libpod_parent/libpod-{ID}", f"podman/{'f' * 64}"),
        (f"/machine.slice/libpod-{ID}.scope/container", ""),
        (f"/default/web/libpod_parent/libpod-{ID}", "containerd/web"),
        (f"/default/other/libpod_parent/libpod-{ID}", ""),
        (f"/docker/{ID}", ""),
        (f"/user.slice/user-1000.slice/user@1000.service/docker-{ID}.scope", "user/1000"),
        (f"/user.slice/user-0.slice/user@0.service/docker-{ID}.scope", ""),
        (f"/user.slice/user-1000.slice/user@1000.service/docker-{'f' * 64}.scope/libpod-{ID}.scope", "user/1000"),
        (f"/default/web/user.slice/user@1000.service/docker-{'f' * 64}.scope/libpod-{ID}.scope", "containerd/web"),
        (f"/user.slice/user@1000.service/default/web/docker-{ID}.scope", "user/1000"),
        (f"/lxc/web/user.slice/user-7.slice/user@7.service/user.slice/libpod-{ID}.scope", "lxc/web"),
    ],
)
def test_the_container_around_it(path, outer):
    """A container in another one has that one's type and id, and in cgroups of a user the user's."""
    containers = Containers(lambda claim: claim.name == "web")
    containers.learn(1, [f"={path}/some.service"])

    assert (ID, outer) == (containers.get(1).full_id, containers.get(1).outer)


@pytest.mark.parametrize(
    "name", ["lxc/host", "machine.slice/machine-host.scope", "machine.slice/machine-\\x68ost.scope"]
)
def test_a_container_called_host(name):
    """Nobody gets out of a container by a cgroup whose name would make ``host`` the id."""
    containers = Containers()
    containers.learn(1, [f"=/docker/{ID}/{name}"])
    containers.learn(2, [f"=/{name}"])

    assert [ID, "host"] == [containers.get(key).full_id for key in (1, 2)]
    assert containers.get(2).is_host


@pytest.mark.parametrize("levels", [15, 16, 40, 60])
def test_deep_in_a_container(levels):
    """However many cgroups its root makes below one another, what is in them is in the container."""
    containers = Containers()
    containers.learn(1, [f"=/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope{'/a' * levels}"])

    assert ID == containers.get(1).full_id


def test_a_path_of_another_hierarchy_lacks_its_beginning():
    """What the others say counts."""
    containers = Containers()
    containers.learn(1, [f"=/docker/{ID}", f"pids={'/a' * 64}/lxc/x"])

    assert (ID, {}) == (containers.get(1).full_id, containers.undecided)


def test_innermost_of_all_hierarchies():
    """A runtime in a container that makes cgroups in hierarchies of version 1 only has containers of its own there."""
    containers, inner = Containers(), "b" * 64
    containers.learn(5, [f"=/docker/{ID}", f"pids=/docker/{ID}/libpod_parent/libpod-{inner}", f"cpu=/docker/{ID}"])
    containers.learn(6, [f"=/machine.slice/libpod-{ID}.scope", f"name=systemd=/machine.slice/libpod-{ID}.scope"])

    assert [(inner, "podman"), (ID, "podman")] == [
        (containers.get(key).full_id, containers.get(key).type) for key in (5, 6)
    ]


def test_unknown_key_is_the_host():
    """Tasks of whose cgroups nothing was told are on the host."""
    assert HOST == Containers().get(1)
