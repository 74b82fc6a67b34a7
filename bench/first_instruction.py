"""Counts in how many alerts about the first instruction of a container its name and image are, beside Falco.

    script/bench first_instruction [--falco PROGRAM --plugin libcontainer.so] [--runtimes containerd docker podman]

Containers are started one after the other, or *--at-once*, each of which reads /etc/shadow first. *told* counts the
containers of which there is an alert, *named* those whose alert has the container's name, *imaged* those whose alert
has the image. Falco watches at the same time, with its container plugin; podman's service runs for it. However it ends,
its containers, daemons, mounts and folders end with it; only SIGKILL leaves them.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE / "plugins/syscall/tests"))

from container_runtimes import SOCKET, STATE, Ctr, Docker, Podman  # noqa: E402

from falcohost.testing.agent import Agent  # noqa: E402
from falcohost.testing.images import IMAGE, write_image  # noqa: E402

RULE = """
- rule: First
  desc: The first instruction of a container reads the hashes of passwords.
  condition: evt.type in (open, openat, openat2) and fd.name = /etc/shadow and proc.name = cat and container.id != host
  output: first | %container.id %container.name %container.image.repository
  priority: NOTICE
- rule: Watching
  desc: Somebody on the host reads a file.
  condition: evt.type in (open, openat, openat2) and fd.name = {mark}
  output: watching
  priority: NOTICE
"""
RUNTIMES = {"containerd": Ctr, "docker": Docker, "podman": Podman}

#: Seconds that both are given for what is on its way.
PATIENCE = 10

#: Seconds in which Falco, which does not say when it watches, has to tell of a file.
LONGEST_START = 120

#: Seconds in which what is left over has to end.
MOST = 30
_PR_SET_CHILD_SUBREAPER = 36
_CGROUPS = Path("/sys/fs/cgroup")


def stopped(number: int, _: object) -> None:
    """End by a signal, and clean up meanwhile whatever else is sent."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    sys.exit(128 + number)


@contextlib.contextmanager
def nothing_left(*folders: Path) -> Iterator[None]:
    """End all processes that come from this one, also of daemons that are gone; remove their cgroups and *folders*."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    tops = (_CGROUPS, *_CGROUPS.iterdir())
    before = {cgroup for top in tops for cgroup in top.iterdir()}
    try:
        yield
    finally:
        own, cgroups = Path("/proc/self/cgroup").read_text().splitlines(), set()
        end = time.monotonic() + MOST
        while (left := descendants()) and time.monotonic() < end:
            for pid in left:
                with contextlib.suppress(OSError):
                    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
                    cgroups |= {line.split(":", 2)[2].lstrip("/") for line in lines if line not in own}
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.05)
        for top in tops:
            for cgroup in cgroups - {""}:
                for path in (top / cgroup, *(top / one for one in Path(cgroup).parents)):  # such as of a namespace
                    with contextlib.suppress(OSError):
                        if path != top and path not in before:
                            path.rmdir()
        for mount in [line.split()[4] for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines())]:
            if any(Path(mount).is_relative_to(folder) for folder in folders):
                subprocess.run(["umount", "--lazy", mount], check=False)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def descendants() -> list[int]:
    """Return the processes that come from this one."""
    found, at = [os.getpid()], 0
    while at < len(found):
        for children in Path(f"/proc/{found[at]}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, children.read_text().split())
        at += 1
    return found[1:]


@contextlib.contextmanager
def started(kind: str, folder: Path, names: list[str]) -> Iterator[Any]:
    """Start a runtime, and yield it; of the containers with these *names*, none is left."""
    runtime = RUNTIMES[kind](folder, folder / "image.tar")
    try:
        yield runtime
    finally:
        if isinstance(runtime, Ctr):  # its daemon may be somebody else's; those of the others end
            for name in {*runtime.do("container", "ls", "-q").split()} & {*names}:
                runtime.do("task", "rm", "--force", name)
                runtime.do("container", "rm", name)
        runtime.close()


def falcos(folder: Path, plugin: Path, engines: dict[str, Any]) -> dict[str, Any]:
    """Return Falco's configuration."""
    off: dict[str, Any] = {
        name: {"enabled": False} for name in ("docker", "podman", "containerd", "cri", "lxc", "libvirt_lxc", "bpm")
    }
    return {
        "engine": {"kind": "modern_ebpf"},
        "rules_files": [str(folder / "rules.yaml")],
        "json_output": True,
        "stdout_output": {"enabled": True},
        "syslog_output": {"enabled": False},
        "webserver": {"enabled": False},
        "plugins": [{"name": "container", "library_path": str(plugin), "init_config": {"engines": off | engines}}],
        "load_plugins": ["container"],
    }


def wait_for_falco(falco: subprocess.Popen[bytes], out: Path, mark: Path) -> None:
    """Wait until Falco tells of the file *mark*, which is read until then."""
    end = time.monotonic() + LONGEST_START
    while "Watching" not in out.read_text(errors="replace"):
        if falco.poll() is not None or time.monotonic() > end:
            sys.exit(f"Falco does not watch: {out.with_suffix('.log').read_text(errors='replace')[-1000:]}")
        mark.read_bytes()
        time.sleep(0.1)


def counted(lines: str, names: list[str]) -> dict[str, int]:
    """Return how many containers are told, by name, and with their image."""
    found = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
    alerts = [alert["output_fields"] for alert in found if alert["rule"] == "First"]
    named = {fields["container.name"] for fields in alerts}
    right = [fields for fields in alerts if str(fields["container.image.repository"]) == IMAGE.rpartition(":")[0]]
    return {
        "started": len(names),
        "told": len({fields["container.id"] for fields in alerts}),
        "named": len(named & {*names}),
        "imaged": len({fields["container.id"] for fields in right}),
    }


def measure(kind: str, given: argparse.Namespace, folder: Path) -> dict[str, dict[str, int]]:
    """Start the containers of one runtime; return the counts of each agent."""
    own = {"falcohost": {"lookups": {"wait": 2.9}, "fold": {"enabled": False}}}
    found: dict[str, dict[str, int]] = {}
    falco = None
    names = [f"first-{secrets.token_hex(3)}" for _ in range(given.count)]  # as long as `container.id` is of ctr's
    with contextlib.ExitStack() as stack:
        stack.enter_context(nothing_left(folder, *([STATE] if kind == "containerd" and not SOCKET.exists() else [])))
        write_image(folder / "image.tar", files={})
        (folder / "mark").touch()
        (folder / "rules.yaml").write_text(RULE.format(mark=folder / "mark"))
        runtime = stack.enter_context(started(kind, folder, names))
        plugin = {"plugins": [{"name": "container", "init_config": {"engines": runtime.engines}}]}
        if isinstance(runtime, Podman):
            socket = folder / "podman.sock"
            stack.enter_context(runtime.served(socket))
        else:
            socket = runtime.socket if isinstance(runtime, Docker) else SOCKET
        if given.falco:
            engines = {kind: {"enabled": True, "sockets": [str(socket)]}}
            (folder / "falcos.yaml").write_text(json.dumps(falcos(folder, given.plugin.absolute(), engines)))
            out = stack.enter_context((folder / "falco").open("wb"))
            log = stack.enter_context((folder / "falco.log").open("wb"))
            falco = subprocess.Popen([given.falco, "-U", "-c", folder / "falcos.yaml"], stdout=out, stderr=log)
            stack.callback(falco.wait)
            stack.callback(falco.terminate)
        agent = Agent(folder, [folder / "rules.yaml"], settings={"load_plugins": ["container"], **plugin, **own})
        stack.callback(agent.kill)
        agent.wait_until_ready()
        if falco:
            wait_for_falco(falco, folder / "falco", folder / "mark")
        with ThreadPoolExecutor(given.at_once) as threads:
            list(threads.map(lambda name: runtime.execute("/bin/cat", "/etc/shadow", fails=True, name=name), names))
        time.sleep(PATIENCE)
        found["falcohost"] = counted(agent.output, names)
        if falco:
            found["Falco"] = counted((folder / "falco").read_text(errors="replace"), names)
            print((folder / "falco.log").read_text(errors="replace")[-3000:], file=sys.stderr)
    return found


def main() -> None:
    """Count, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--falco", help="the program of Falco")
    parser.add_argument("--plugin", type=Path, help="its container plugin")
    parser.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=[*RUNTIMES])
    parser.add_argument("--count", type=int, default=100, help="containers of each runtime")
    parser.add_argument("--at-once", type=int, default=1, help="how many start at once")
    given = parser.parse_args()
    figures: dict[str, dict[str, dict[str, int]]] = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stopped)
    for kind in given.runtimes:
        folder = Path(tempfile.mkdtemp(prefix="falcohost-first-"))
        folder.chmod(0o755)
        figures[kind] = measure(kind, given, folder)
        for who, counts in figures[kind].items():
            print(f"{kind:12} {who:10} " + "  ".join(f"{name} {number}" for name, number in counts.items()))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
