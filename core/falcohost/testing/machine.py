"""systemd as process 1 of a machine of its own: namespaces over the files of this one, whose changes are in memory."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from falcohost.testing.waiting import wait_until

SYSTEMD: Final = Path("/lib/systemd/systemd")

#: Mounts the machine's root, makes it the root, and becomes systemd. The arguments are folders that the machine sees.
_BOOT: Final = """
set -e
mount --make-rprivate /
machine=$1; shift
mount -t tmpfs falcohost-machine "$machine"
mkdir "$machine/changes" "$machine/work" "$machine/root"
mount -t overlay -o "lowerdir=/,upperdir=$machine/changes,workdir=$machine/work" overlay "$machine/root"
cd "$machine/root"
for folder; do mkdir -p ".$folder"; mount --rbind "$folder" ".$folder"; done
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t bpf bpf sys/fs/bpf || true
mount -t tracefs tracefs sys/kernel/tracing || true
mount -t tmpfs tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/shm dev/pts
for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
  set -- $node
  mknod -m 666 "dev/$1" c "$2" "$3"
done
ln -s /proc/self/fd dev/fd
ln -sf /dev/null etc/systemd/system/tmp.mount
mkdir -p old
pivot_root . old
umount -l old
exec env -i container=falcohost PATH=/usr/sbin:/usr/bin:/sbin:/bin "$SYSTEMD" --system --unit=basic.target
"""


class Machine:
    """A running machine, which sees *folders* as they are.

    :raises OSError: this machine does not let us; the text says why.
    """

    def __init__(self, mount_point: Path, folders: Sequence[Path]) -> None:
        if os.geteuid() != 0:
            raise PermissionError("only root may boot a machine")
        for program in ("setpriv", "unshare", "nsenter", "systemctl"):
            if shutil.which(program) is None:
                raise FileNotFoundError(f"{program} is missing")
        if not SYSTEMD.exists():
            raise FileNotFoundError(f"{SYSTEMD} is missing: apt-get install systemd")
        self._cgroup = _cgroups() / f"falcohost-{secrets.token_hex(4)}"
        self._cgroup.mkdir()
        alone = "setpriv --pdeathsig KILL unshare -m -p -C -u -i --fork --kill-child"
        line = f'echo $$ > "$1/cgroup.procs"; shift; exec {alone} sh -c "$@"'
        self._log = mount_point.with_suffix(".log")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", line, "sh", self._cgroup, _BOOT, "sh", mount_point, *folders],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "SYSTEMD": str(SYSTEMD)},
            )
        try:
            wait_until(self._is_booted, self.said)
        except BaseException:
            self.close()
            raise

    def said(self) -> str:
        """Return what was said when it was booted."""
        return self._log.read_text(errors="replace")

    def run(self, *command: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in the machine; it reads *given*, and its errors are in its output."""
        line = [*self._into(), *command]
        return subprocess.run(line, input=given, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def write(self, path: str, text: str) -> None:
        """Write a file in the machine."""
        done = self.run("sh", "-c", 'mkdir -p "$(dirname "$1")"; cat > "$1"', "sh", path, given=text)
        assert done.returncode == 0, done.stdout

    def close(self) -> None:
        """End all of its processes."""
        self._process.kill()
        self._process.wait()
        wait_until(self._remove_cgroups)

    def _is_booted(self) -> bool:
        if self._process.poll() is not None:
            raise OSError(f"systemd does not boot: {self.said().strip()}")
        return self._first() is not None and self.run("systemctl", "is-active", "basic.target").returncode == 0

    def _first(self) -> int | None:
        """Return the pid of its process 1."""
        pid = self._process.pid
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if children and Path(f"/proc/{children[0]}/comm").read_text().strip() == SYSTEMD.name:
                return int(children[0])
        return None

    def _into(self) -> list[str]:
        return ["nsenter", "-t", str(self._first()), "-m", "-p", "-C", "-u", "-i", "-r", "-w"]

    def _remove_cgroups(self) -> bool:
        for folder, _, _ in os.walk(self._cgroup, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        return not self._cgroup.exists()


def _cgroups() -> Path:
    """Return where cgroups of version 2 are.

    :raises FileNotFoundError: nowhere.
    """
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    raise FileNotFoundError("there are no cgroups of version 2")
