"""Container runtimes of this machine, with an image from a local file, for tests that start real containers."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.agent import PROGRAM, Agent
from falcohost.testing.images import IMAGE, is_static, write_image
from falcohost.testing.waiting import PATIENCE

#: containerd's own places: the plugin knows a task of ctr by them.
STATE, SOCKET = Path("/run/containerd"), Path("/run/containerd/containerd.sock")
NAMESPACE = "falcohost-test"

#: A rule that tells what a container does first, with its name and image.
FIRST = """
- rule: First
  desc: The first instruction of a container reads a file.
  condition: evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-first and container.id != host
  output: first | %fd.name %container.name %container.image
  priority: NOTICE
"""


def need(what: str, *programs: str) -> None:
    """Skip where a program is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        skip_or_fail(what, f"{', '.join(missing)} missing: apt-get install {what} runc busybox-static")


def run(*command: str, env: Mapping[str, str] | None = None, fails: bool = False) -> str:
    """Run a command with a terminal, as a person would; return what it wrote there. It *fails* if what it runs does."""
    terminal, own = os.openpty()
    try:
        process = subprocess.Popen(
            command,
            stdin=own,
            stdout=own,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
        os.close(own)
        _, errors = process.communicate(timeout=PATIENCE)
        assert fails or process.returncode == 0, f"{command} ended with {process.returncode}: {errors.decode()}"
        return drain(terminal)
    finally:
        os.close(terminal)


def source_stats(agent: Agent) -> dict[str, Any]:
    """Return what ``falcohost stats`` tells of the source ``syscall`` of an agent."""
    command = [PROGRAM, "stats", "--json", "--state-dir", agent.folder / "state"]
    told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    (source,) = told["sources"]
    return source


def drain(terminal: int) -> str:
    """Return what waits on a terminal whose other end is closed."""
    found = b""
    try:
        while data := os.read(terminal, 4096):
            found += data
    except OSError:  # that is how Linux says it: EIO
        pass
    return found.decode(errors="replace")


def daemon(what: str, folder: Path, command: Sequence[str], asked: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a daemon; return it when it answers what is *asked*."""
    path = folder / f"{command[0]}.log"
    with path.open("wb") as log:  # not in this session: who is at the terminal would end it before it is asked to
        started = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    end = time.monotonic() + PATIENCE
    while subprocess.run(asked, capture_output=True).returncode != 0:
        if started.poll() is not None or time.monotonic() > end:
            started.kill()
            skip_or_fail(what, f"{command[0]} does not start here: {path.read_text()[-500:]}")
        time.sleep(0.05)
    return started


def containerd(folder: Path, state: Path) -> subprocess.Popen[bytes]:
    """Start a containerd that keeps everything in *folder*, and what runs in *state*, where its socket is."""
    config = folder / "config.toml"
    config.write_text(
        f'version = 2\nroot = "{folder}/containerd"\nstate = "{state}"\n'
        'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n'
        f'[grpc]\naddress = "{state}/containerd.sock"\n'
    )
    asked = ["ctr", "-a", f"{state}/containerd.sock", "version"]
    return daemon("containerd", folder, ["containerd", "-c", str(config)], asked)


class Ctr:
    """containerd, spoken to with ctr; a daemon that runs already is used as it is."""

    type = "containerd"
    parent = "containerd-shim"
    engines: Mapping[str, object] = {}

    def __init__(self, folder: Path, image: Path) -> None:
        self._daemon = None if SOCKET.exists() else containerd(folder, STATE)
        self._ctr = ("ctr", "-n", NAMESPACE)
        run(*self._ctr, "image", "import", "--snapshotter", "native", str(image))

    def do(self, *arguments: str) -> str:
        """Run ctr with *arguments*; return what it writes."""
        return run(*self._ctr, *arguments, fails=True)

    def start(self, script: str, *, terminal: bool) -> str:
        """Run a shell script in a container; return the container's id."""
        return self.execute("/bin/sh", "-c", script, terminal=terminal)

    def execute(
        self, *command: str, terminal: bool = False, fails: bool = False, name: str = "", image: str = IMAGE
    ) -> str:
        """Run a command in a container; return the container's id, which is also its name."""
        name = name or f"falcohost-{secrets.token_hex(4)}"
        options = ["--rm", "--snapshotter", "native", *(["-t"] if terminal else [])]
        run(*self._ctr, "run", *options, image, name, *command, fails=fails)
        return name

    @contextlib.contextmanager
    def tagged(self, image: str) -> Iterator[None]:
        """Give the image another name."""
        run(*self._ctr, "image", "tag", IMAGE, image)
        yield
        run(*self._ctr, "image", "rm", image)

    def begin(self, script: str, folder: Path) -> str:
        """Begin to run a shell script in a container that has *folder* as /out; return the container's id."""
        name = f"falcohost-{secrets.token_hex(4)}"
        mount = f"type=bind,src={folder},dst=/out,options=rbind:rw"
        options = ["--detach", "--snapshotter", "native", "--mount", mount]
        run(*self._ctr, "run", *options, IMAGE, name, "/bin/sh", "-c", script)
        return name

    def end(self, name: str) -> None:
        """Kill what runs in a container, and remove it."""
        run(*self._ctr, "task", "rm", "--force", name)
        run(*self._ctr, "container", "rm", name)

    def close(self) -> None:
        """Remove the image, and stop the daemon if it is ours."""
        run(*self._ctr, "image", "rm", "--sync", IMAGE)
        run(*self._ctr, "namespace", "rm", NAMESPACE)
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(20)
            shutil.rmtree(STATE)


class Docker:
    """docker, with a daemon and a containerd of its own."""

    type = "docker"
    parent = "containerd-shim"

    def __init__(self, folder: Path, image: Path) -> None:
        self.socket, self.folder = folder / "docker.sock", folder / "data/containers"
        self.engines = {"docker": {"sockets": [str(self.socket)], "folders": [str(self.folder)]}}
        self._docker = ("docker", "-H", f"unix://{self.socket}")
        state = folder / "state"
        self._containerd = containerd(folder, state)
        places = [f"--host=unix://{self.socket}", f"--data-root={folder}/data", f"--exec-root={folder}/exec"]
        places += [f"--pidfile={folder}/pid", f"--containerd={state}/containerd.sock"]
        how = ["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]
        self._daemon = daemon("docker", folder, ["dockerd", *places, *how], [*self._docker, "version"])
        self.do("load", "-q", "-i", str(image))

    def do(self, *arguments: str, fails: bool = False) -> str:
        """Run docker with *arguments*; return what it writes."""
        return run(*self._docker, *arguments, fails=fails)

    def execute(self, *command: str, fails: bool = False, name: str = "") -> str:
        """Run a command in a container that is gone with it; return the container's name."""
        name = name or f"falcohost-{secrets.token_hex(4)}"
        self.do("run", "--name", name, "--rm", "--network", "none", IMAGE, *command, fails=fails)
        return name

    def start(self, script: str, *, terminal: bool) -> str:
        """Run a shell script in a container; return the container's id."""
        name = f"falcohost-{secrets.token_hex(4)}"
        options = ["--network", "none", *(["-t"] if terminal else [])]
        self.do("run", "--name", name, *options, IMAGE, "/bin/sh", "-c", script)
        ident = self.do("inspect", "--format", "{{.Id}}", name).strip()
        self.do("rm", name)
        return ident

    def close(self) -> None:
        """Stop the daemons."""
        for daemon in (self._daemon, self._containerd):
            daemon.terminate()
            daemon.wait(PATIENCE)


class Podman:
    """podman, with a store of its own; *driver* keeps images in it."""

    type = "podman"
    parent = "conmon"

    def __init__(self, folder: Path, image: Path, driver: str = "vfs") -> None:
        self.engines = {"podman": {"storages": [str(folder / "root")]}}
        runtime = "runc" if shutil.which("runc") else "crun"
        places = ("--root", str(folder / "root"), "--runroot", str(folder / "run"))
        how = ("--storage-driver", driver, "--cgroup-manager", "cgroupfs", "--events-backend", "file")
        self._podman = ("podman", "--runtime", runtime, *places, *how)
        self._env = {"PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}
        run(*self._podman, "load", "-q", "-i", str(image), env=self._env)

    def do(self, *arguments: str, fails: bool = False) -> str:
        """Run podman with *arguments*; return what it writes."""
        return run(*self._podman, *arguments, env=self._env, fails=fails)

    def execute(self, *command: str, fails: bool = False, name: str = "") -> str:
        """Run a command in a container that is gone with it; return the container's name."""
        name = name or f"falcohost-{secrets.token_hex(4)}"
        self.do("run", "--name", name, "--rm", "--network", "none", IMAGE, *command, fails=fails)
        return name

    def start(self, script: str, *, terminal: bool) -> str:
        """Run a shell script in a container; return the container's id."""
        options = ["--network", "none", *(["-t"] if terminal else [])]
        name = f"falcohost-{secrets.token_hex(4)}"
        self.do("run", "--name", name, *options, IMAGE, "/bin/sh", "-c", script)
        listed = subprocess.run(
            [*self._podman, "inspect", "--format", "{{.Id}}", name], capture_output=True, text=True, check=True
        )
        self.do("rm", name)
        return listed.stdout.strip()

    @contextlib.contextmanager
    def served(self, path: Path) -> Iterator[None]:
        """Run podman's service at the socket *path*."""
        command = (*self._podman, "system", "service", "-t0", f"unix://{path}")
        asked = ["podman", "--url", f"unix://{path}", "version"]
        service = daemon("podman", path.parent, command, asked)
        try:
            yield
        finally:
            service.terminate()
            service.wait(PATIENCE)

    def close(self) -> None:
        """Remove the image."""
        self.do("rmi", "-f", IMAGE)


def podman(folder: Path, driver: str, files: Mapping[str, bytes] | None = None) -> Podman:
    """Return podman with the image, and *files* in it, in its store; its service does not run. Skip where it is not."""
    need("podman", "podman", "runc", "busybox")
    write_image(folder / "image.tar", files=files or {})
    return Podman(folder, folder / "image.tar", driver)


#: What each kind takes.
PROGRAMS = {Ctr: ("containerd", "ctr"), Docker: ("dockerd", "docker", "containerd"), Podman: ("podman",)}


@pytest.fixture(scope="module")
def runtime_of(bpf, tmp_path_factory) -> Iterator[Callable[[Any], Any]]:
    """Return a function that starts a runtime of a kind, with the image in it."""
    started: dict[Any, Any] = {}

    def runtime_of(kind: Any) -> Any:
        need(kind.type, *PROGRAMS[kind], "runc", "busybox")
        if not is_static():
            skip_or_fail(kind.type, "busybox is linked dynamically: apt-get install busybox-static")
        if kind not in started:
            folder = tmp_path_factory.mktemp(kind.type)
            write_image(folder / "image.tar")
            started[kind] = kind(folder, folder / "image.tar")
        return started[kind]

    yield runtime_of
    for runtime in started.values():
        runtime.close()
