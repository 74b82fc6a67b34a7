"""falcohost as a service of a :class:`~falcohost.testing.machine.Machine`, by the unit of packaging/."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from falcohost.testing.agent import PROGRAM
from falcohost.testing.machine import Machine
from falcohost.testing.skips import skip_or_fail
from falcohost.testing.waiting import wait_until

UNIT: Final = "falcohost.service"

#: Where the service writes its alerts, with this in its configuration.
ALERTS: Final = "/var/log/falcohost/alerts"
OUTPUT: Final = f"""
json_output: true
log_syslog: false
stdout_output: {{enabled: false}}
file_output: {{enabled: true, filename: {ALERTS}}}
"""

#: What an agent of this machine keeps, which the service is not to find there.
_KEPT: Final = ("/var/lib/falcohost", "/var/cache/falcohost", "/var/log/falcohost")

#: What is changed of the unit: where the program is.
_DROP_IN: Final = f"[Service]\nExecStart=\nExecStart={PROGRAM}\n"


class Service:
    """The unit in a machine, which has the files in *files*."""

    def __init__(self, machine: Machine, unit: Path, files: Mapping[str, str]) -> None:
        self._machine = machine
        machine.run("rm", "-rf", *_KEPT)
        machine.write(f"/etc/systemd/system/{UNIT}", unit.read_text())
        for path, text in files.items():
            machine.write(path, text)
        self.change("program", _DROP_IN)

    def change(self, name: str, text: str) -> None:
        """Add a drop-in to the unit."""
        self._machine.write(f"/etc/systemd/system/{UNIT}.d/{name}.conf", text)
        self.systemctl("daemon-reload")

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        self._machine.write(path, text)

    def append(self, path: str, line: str) -> None:
        """Append a line to a file."""
        self._machine.run("sh", "-c", 'echo "$2" >> "$1"', "sh", path, line)

    def systemctl(self, *arguments: str) -> None:
        """Run systemctl, which has to succeed."""
        done = self._machine.run("systemctl", *arguments)
        assert done.returncode == 0, f"{done.stdout}\n{self.journal}"

    def show(self, name: str) -> str:
        """Return a property of the unit."""
        return self._machine.run("systemctl", "show", "--value", f"-p{name}", UNIT).stdout.strip()

    @property
    def journal(self) -> str:
        """What the service has logged."""
        return self._machine.run("journalctl", "-u", UNIT, "-o", "cat", "--no-pager").stdout

    @property
    def worker(self) -> int:
        """The pid of the one source's worker, as the machine sees it."""
        return int(self._machine.run("pgrep", "-x", "-P", self.show("MainPID"), "falcohost").stdout)

    @property
    def exposure(self) -> float:
        """What systemd thinks of its rights, from 0 to 10."""
        lines = self._machine.run("systemd-analyze", "security", "--no-pager", UNIT).stdout.splitlines()
        (found,) = (line.split(":")[1].split()[0] for line in lines if "Overall exposure" in line)
        return float(found)

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """The alerts so far."""
        lines = self._machine.run("cat", ALERTS).stdout.rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def kill(self, how: str, pid: int | str) -> None:
        """Send a process a signal."""
        assert self._machine.run("kill", f"-{how}", str(pid)).returncode == 0

    def lie(self, messages: Iterable[str], *, inside: bool) -> None:
        """Tell systemd *messages* about the service: as a user, or *inside* of it, as one of its other processes."""
        send = (
            "import os, socket, sys, time; group, *messages = sys.argv[1:]\n"
            "if group: open(f'/sys/fs/cgroup{group}/cgroup.procs', 'w').write('0')\n"
            "os.setgid(65534); os.setuid(65534)\n"
            "link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); link.connect('/run/systemd/notify')\n"
            "for message in messages: link.send(message.encode())\n"
            "time.sleep(0.3)\n"  # systemd has to find it in its cgroup
        )
        group = self.show("ControlGroup") if inside else ""
        done = self._machine.run(sys.executable, "-c", send, group, *messages)
        assert done.returncode == 0, done.stdout

    def wait_until_open(self) -> None:
        """Wait until the service is running, and all sources are open."""

        def is_open() -> bool:
            states = self.show("StatusText").split("; ")
            return self.show("SubState") == "running" and all(state.endswith(" is open") for state in states)

        wait_until(is_open, lambda: self.journal)


@contextmanager
def running(folder: Path, root: Path, files: Mapping[str, str]) -> Iterator[Service]:
    """Run the service of the checkout in *root* in a machine, until the end of the ``with`` block."""
    (folder / "mount").mkdir()
    seen = dict.fromkeys(Path(one).resolve() for one in (root, sys.prefix, sys.base_prefix))
    try:
        machine = Machine(folder / "mount", list(seen))
    except OSError as error:
        skip_or_fail("systemd", f"systemd cannot be booted: {error}")
    try:
        service = Service(machine, root / "packaging" / UNIT, files)
        service.systemctl("start", UNIT)
        yield service
    finally:
        machine.close()
