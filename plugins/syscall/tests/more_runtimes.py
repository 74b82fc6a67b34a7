"""Runtimes that need more of a machine than docker does, or that nobody manages, for tests that start real containers.

crun refuses cgroups of versions 1 and 2 side by side, so it runs in a mount namespace that has one of them only. What
systemd has to make cgroups for runs in a machine that is booted for it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from container_runtimes import Podman, need

from falcohost.testing import skip_or_fail
from falcohost.testing.images import IMAGE, write_image
from falcohost.testing.machine import Machine
from falcohost.testing.waiting import PATIENCE, SLOWNESS, wait_until

ONLY_1 = "umount /sys/fs/cgroup/unified"
ONLY_2 = "mount -t cgroup2 none /sys/fs/cgroup"

#: A user of the machine.
USER, NAME = 54_321, "falcohost-test"


def only(cgroups: str) -> tuple[str, ...]:
    """Return the beginning of a command line that runs the rest with one version of cgroups."""
    return ("unshare", "-m", "--propagation", "private", "/bin/sh", "-c", f'{cgroups} && exec "$@"', "sh")


def has_both() -> bool:
    """Return whether this machine has cgroups of both versions."""
    return Path("/sys/fs/cgroup/unified").is_dir()


def root(folder: Path) -> Path:
    """Return the root of a container with nothing but busybox."""
    for name in ("bin", "etc", "proc", "sys", "dev", "usr", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(shutil.which("busybox") or "", folder / "bin/busybox")
    for name in ("sh", "cat"):
        (folder / "bin" / name).symlink_to("busybox")
    (folder / "etc/os-release").touch()
    return folder


def fresh() -> str:
    """Return the name of a container."""
    return f"falcohost-{secrets.token_hex(4)}"


class Crun(Podman):
    """podman with crun."""

    needs = ("crun", "podman", "crun")

    def __init__(self, folder: Path) -> None:
        write_image(folder / "image.tar")
        super().__init__(folder, folder / "image.tar")
        at = self._podman.index("--runtime") + 1
        line = (*self._podman[:at], "crun", *self._podman[at + 1 :])
        self._podman = (*only(ONLY_1), *line) if has_both() else line

    def first(self, *command: str) -> tuple[str, str, str | None]:
        """Run a command in a container; return its type, its name and its image."""
        return "podman", self.execute(*command, fails=True), IMAGE


class Bare:
    """A runtime that nobody manages."""

    engines: Mapping[str, object] = {}
    _options: Sequence[str] = ()

    def __init__(self, folder: Path, program: str, before: Sequence[str] = ()) -> None:
        self._folder = folder
        self._command = (*before, program)
        root(folder / "rootfs")
        subprocess.run([program, "spec"], cwd=folder, check=True)
        self._spec = json.loads((folder / "config.json").read_text())
        self._spec["process"]["terminal"] = False
        self._spec["root"]["path"] = str(folder / "rootfs")

    def first(self, *command: str) -> tuple[str, str, str | None]:
        """Run a command in a container; return its type, its name and its image."""
        name = fresh()
        bundle = self._folder / name
        bundle.mkdir()
        self._spec["process"]["args"] = command
        (bundle / "config.json").write_text(json.dumps(self._spec))
        self._do("run", *self._options, name, folder=bundle)
        return "runc", name, None

    def _do(self, *arguments: str, folder: Path) -> None:
        command, null = [*self._command, *arguments], subprocess.DEVNULL
        subprocess.run(command, cwd=folder, stdin=null, stdout=null, stderr=null, timeout=PATIENCE * SLOWNESS)

    def close(self) -> None:
        """Do nothing: containers are gone."""


class BareRunc(Bare):
    """runc."""

    needs = ("containerd", "runc")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "runc")


class BareCrun(Bare):
    """crun, with cgroups of version 2. It runs from a file without a path, and writes its state late."""

    needs = ("crun", "crun")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "crun", only(ONLY_2))

    def many(self, count: int, *command: str) -> list[str]:
        """Run a command in *count* containers, two at a time; return their names."""
        names = [fresh() for _ in range(count)]
        self._spec["process"]["args"] = command
        (self._folder / "config.json").write_text(json.dumps(self._spec))
        line = ["nice", *self._command[:-1], "xargs", "-n", "1", "-P", "2", "crun", "run"]
        told, null = "\n".join(names).encode(), subprocess.DEVNULL
        subprocess.run(line, cwd=self._folder, input=told, stdout=null, stderr=null, check=False)
        return names


class Detached(BareCrun):
    """crun that ends while the container runs."""

    _options = ("--detach",)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._names: list[str] = []

    def first(self, *command: str) -> tuple[str, str, str | None]:
        """Run a command in a container; return its type, its name and its image."""
        found = super().first(*command)
        self._names.append(found[1])
        return found

    def close(self) -> None:
        """Remove the containers, which have ended."""
        for name in self._names:
            self._do("delete", "--force", name, folder=self._folder)


class Lxc:
    """LXC."""

    needs = ("lxc", "lxc-start")
    engines: Mapping[str, object] = {}

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        root(folder / "root")
        folder.chmod(0o755)

    def first(self, *command: str) -> tuple[str, str, str | None]:
        """Run a command in a container; return its type, its name and its image."""
        name = fresh()
        (self._folder / name).mkdir()
        lines = (f"lxc.uts.name = {name}", f"lxc.rootfs.path = dir:{self._folder}/root", "lxc.net.0.type = none")
        (self._folder / name / "config").write_text("\n".join(lines) + "\n")
        started = ["lxc-start", "-F", "-n", name, "-P", str(self._folder), "--", *command]
        subprocess.run(started, capture_output=True, timeout=PATIENCE * SLOWNESS)
        shutil.rmtree(self._folder / name)
        return "lxc", name, None

    def close(self) -> None:
        """Do nothing: containers are gone."""


class Booted:
    """A runtime in a machine with systemd, which sees *folder*."""

    engines: Mapping[str, object] = {}

    def __init__(self, folder: Path, *more: Path) -> None:
        point = folder / "machine"
        point.mkdir()
        try:
            self.machine = Machine(point, [folder, *more])
        except OSError as error:
            skip_or_fail("systemd", str(error))

    def do(self, *command: str | Path) -> str:
        """Run a command in the machine; return what it writes."""
        done = self.machine.run(*command)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def close(self) -> None:
        """End the machine."""
        self.machine.close()


class Nspawn(Booted):
    """systemd-nspawn."""

    needs = ("systemd", "systemd-nspawn")

    def __init__(self, folder: Path) -> None:
        self._root = root(folder / "root")
        super().__init__(folder)
        self.do("systemctl", "start", "dbus", "systemd-machined")

    def first(self, *command: str) -> tuple[str, str, str | None]:
        """Run a command in a container; return its type, its name and its image."""
        name = fresh()
        self.machine.run("systemd-nspawn", "-q", "--console=pipe", "-D", self._root, "-M", name, *command)
        return "systemd-nspawn", name, None


class Rootless(Booted):
    """podman of a user, with crun, whose cgroups the user's systemd makes: Debian's dbus-user-session has its bus."""

    needs = ("systemd", "podman", "crun", "newuidmap")

    def __init__(self, folder: Path) -> None:
        self.home = Path("/home") / fresh()
        self.home.mkdir(mode=0o700)
        try:
            write_image(self.home / "image.tar")
            os.chown(self.home, USER, USER)
            super().__init__(folder, self.home)
            self._prepare()
        except BaseException:
            shutil.rmtree(self.home)
            raise

    def _prepare(self) -> None:
        runs = f"/run/user/{USER}"
        script = f"""set -e
            useradd -M -u {USER} -d {self.home} {NAME}
            systemctl start dbus systemd-logind
            systemctl start user@{USER}"""
        self.do("/bin/sh", "-c", script)
        wait_until(lambda: self.machine.run("test", "-S", f"{runs}/bus").returncode == 0)
        self.do("/bin/sh", "-c", f"{self._podman} load -q -i {self.home}/image.tar")

    @property
    def _as_user(self) -> str:
        runs = f"/run/user/{USER}"
        variables = f"HOME={self.home} XDG_RUNTIME_DIR={runs} DBUS_SESSION_BUS_ADDRESS=unix:path={runs}/bus PATH=$PATH"
        return f"cd {self.home} && setpriv --reuid {USER} --regid {USER} --clear-groups env -i {variables}"

    @property
    def _podman(self) -> str:
        return (
            f"{self._as_user} podman --runtime crun --cgroup-manager systemd --events-backend file --storage-driver vfs"
        )

    def first(self, *command: str) -> tuple[str, str, str | None]:
        """Run a command in a container; return its type, its name and its image."""
        name = fresh()
        # Without --rm: a busy machine asks when podman has removed all that says the name. This machine's version 2 may
        # have no controller of process ids.
        how = f"--name {name} --network none --pids-limit=0"
        self.said = self.machine.run("/bin/sh", "-c", f"{self._podman} run {how} {IMAGE} {' '.join(command)}")
        return "podman", name, IMAGE

    def close(self) -> None:
        """End the machine, and remove the user's folder."""
        super().close()
        shutil.rmtree(self.home)


def available(kind: type) -> None:
    """Skip where something is missing that *kind* needs."""
    what, *programs = kind.needs  # type: ignore[attr-defined]
    need(what, *programs, "busybox")
