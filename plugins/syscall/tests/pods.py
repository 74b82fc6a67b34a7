"""A containerd of a test's own, whose CRI service starts containers of pods as the kubelet has it do."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest import mock

from falcohost.testing import skip_or_fail
from falcohost.testing.images import IMAGE, is_static, write_image
from falcohost.testing.waiting import PATIENCE, wait_until
from falcohost_containers.runtimes import grpc
from falcohost_containers.runtimes import protobuf as pb
from falcohost_containers.runtimes.engine import Deadline, RuntimeFailed

PAUSE = "localhost/falcohost/pause:1"
SERVICE = "/runtime.v1.RuntimeService"
CONFIG = """
version = 2
root = "{folder}/root"
state = "{folder}"
disabled_plugins = ["io.containerd.internal.v1.opt"]
grpc = {{address = "{folder}/containerd.sock"}}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  containerd = {{snapshotter = "native", disable_snapshot_annotations = true}}
"""


class Pods:
    """The daemon.

    :ivar socket: it listens there.
    """

    def __init__(self, folder: Path) -> None:
        missing = [name for name in ("containerd", "ctr", "runc", "busybox") if shutil.which(name) is None]
        if missing or not is_static():
            skip_or_fail("containerd", f"{', '.join(missing) or 'a static busybox'} missing")
        self.socket = folder / "containerd.sock"
        self._sandboxes: list[str] = []
        self._uids: set[str] = set()
        (folder / "config.toml").write_text(CONFIG.format(folder=folder, pause=PAUSE))
        with (folder / "log").open("wb") as log:
            self._daemon = subprocess.Popen(["containerd", "-c", folder / "config.toml"], stdout=log, stderr=log)
        wait_until(lambda: self._ctr("version").returncode == 0, (folder / "log").read_text)
        for name, image, command in (("image", IMAGE, []), ("pause", PAUSE, ["/bin/sleep", "1000"])):
            write_image(folder / f"{name}.tar", image, command)
            done = self._ctr("-n", "k8s.io", "image", "import", "--snapshotter=native", f"{folder}/{name}.tar")
            assert done.returncode == 0, done.stderr
        self._client = grpc.Client(self.socket)

    def run(self, name: str, namespace: str, uid: str, command: Sequence[str]) -> None:
        """Start a container of the pod; return when its command has begun."""
        labels = {
            "io.kubernetes.pod.name": name,
            "io.kubernetes.pod.namespace": namespace,
            "io.kubernetes.pod.uid": uid,
        }
        own = pb.encode({1: pb.encode({1: 2, 2: 1})})  # the host's network, as no other is set up here
        linux = pb.encode({1: f"/kubepods/besteffort/pod{uid}", 2: own})
        about = pb.encode({1: name, 2: uid, 3: namespace, 4: len(self._sandboxes)})
        sandbox = _joined({1: about}, *_pairs(6, labels), {8: linux})
        ident = self._call("RunPodSandbox", {1: sandbox})
        self._sandboxes.append(ident)
        self._uids.add(uid)
        words = [{3: word} for word in command]
        own_labels = _pairs(9, {**labels, "io.kubernetes.container.name": "web"})
        container = _joined(
            {1: pb.encode({1: "web", 2: len(self._sandboxes)})}, {2: pb.encode({1: IMAGE})}, *words, *own_labels
        )
        self._call("StartContainer", {1: self._call("CreateContainer", {1: ident, 2: container, 3: sandbox})})

    def close(self) -> None:
        """Remove the pods, and end the daemon."""
        for folder in self._cgroups():
            for procs in folder.rglob("cgroup.procs"):
                with contextlib.suppress(OSError):  # it is gone meanwhile
                    for pid in procs.read_text().split():
                        os.kill(int(pid), signal.SIGKILL)
        for ident in self._sandboxes:
            with contextlib.suppress(OSError, RuntimeFailed):  # what it cannot remove is gone with the daemon's folder
                for method in ("StopPodSandbox", "RemovePodSandbox"):
                    self._client.call(f"{SERVICE}/{method}", pb.encode({1: ident}))
        self._daemon.terminate()
        self._daemon.wait(PATIENCE)
        for folder in self._cgroups():
            with contextlib.suppress(OSError):
                for one in (folder, folder.parent, folder.parent.parent):
                    one.rmdir()

    def _cgroups(self) -> list[Path]:
        """Return the cgroups of the pods, of either version."""
        top, paths = Path("/sys/fs/cgroup"), [f"kubepods/besteffort/pod{uid}" for uid in self._uids]
        return [one for path in paths for one in (*top.glob(path), *top.glob(f"*/{path}"))]

    def _call(self, method: str, values: Mapping[int, bytes | str | int]) -> str:
        with mock.patch.object(grpc, "Deadline", lambda: Deadline(PATIENCE)):  # a busy machine starts pods slowly
            answer = self._client.call(f"{SERVICE}/{method}", pb.encode(values))
        return pb.text(pb.decode(answer or b""), 1)

    def _ctr(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["ctr", "-a", self.socket, *command], capture_output=True, text=True)


def _joined(*fields: Mapping[int, bytes | str | int]) -> bytes:
    """Return a message of which some fields are there several times."""
    return b"".join(map(pb.encode, fields))


def _pairs(number: int, values: Mapping[str, str]) -> list[Mapping[int, bytes | str | int]]:
    """Return the entries of a map."""
    return [{number: pb.encode({1: key, 2: value})} for key, value in values.items()]
