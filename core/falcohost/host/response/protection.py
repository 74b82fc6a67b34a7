"""What no action touches, whatever an alert says: the machine's init, the agent and its ancestors, what is protected.

Programs are known by their files, not by their names, which anybody may take.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from falcohost.host.response.processes import ancestors, cgroup_of
from falcohost.host.response.target import Target

if TYPE_CHECKING:
    from falcohost.host.config.response import ProtectedConfig

#: Most characters of the path of a program.
MOST_PATH: Final = 4096


class Image(msgspec.Struct, frozen=True):
    """What the supervisor sees of a process, and others may not.

    :ivar device: with *inode*, the file of its program.
    :ivar deleted: the path that this file had, if it is deleted, and root's, and the process has the agent's files;
        so an old process of a program that was upgraded is known by its path.
    :ivar namespace: the inode of its pid namespace.
    """

    device: int
    inode: int
    deleted: Annotated[str, msgspec.Meta(max_length=MOST_PATH)]
    namespace: int


class Protection:
    """Decides what is protected, for the agent whose supervisor is the process *agent*.

    :param namespace: the pid namespace of the agent.
    """

    def __init__(self, config: ProtectedConfig, agent: int, namespace: int) -> None:
        self._config = config
        self._agent = agent
        self._namespaces = {namespace if one == 0 else one for one in config.namespaces}

    def why(self, target: Target, image: Image | None) -> str | None:
        """Return why no action touches *target*, whose *image* the supervisor has seen; None: one may."""
        pid = target.pid
        if pid == 1:
            return "it is the first process of the machine"
        if target.stat.kernel:
            return "it is a thread of the kernel"
        if pid == self._agent or self._agent in ancestors(pid):
            return "it is a process of the agent"
        if pid in ancestors(self._agent):
            return "the agent is its descendant"
        if image is None:
            return "what it runs cannot be found out"
        if image.namespace in self._namespaces:
            return f"its pid namespace is protected ({image.namespace})"
        if (path := self._program(image)) is not None:
            return f"its program is protected ({path})"
        return self.why_cgroup(cgroup_of(pid))

    def why_group(self, path: str) -> str | None:
        """Return why the cgroup at *path* is not stopped or signalled as a whole; None: it may be."""
        own = cgroup_of(self._agent)
        if path == "/" or own is None or own == path or own.startswith(f"{path}/"):
            return f"the agent itself is in the cgroup {path}"
        return self.why_cgroup(path)

    def why_cgroup(self, path: str | None) -> str | None:
        """Return why no action touches what is in the cgroup at *path*; None: one may."""
        for one in self._config.cgroups:
            if path is not None and (one in ("/", path) or path.startswith(f"{one}/")):
                return f"its cgroup is protected ({one})"
        return None

    def _program(self, image: Image) -> str | None:
        files = _files(self._config.programs)
        found = files.get((image.device, image.inode))
        return found or (image.deleted if image.deleted in self._config.programs else None)


def _files(paths: tuple[str, ...]) -> Mapping[tuple[int, int], str]:
    """Return the files at *paths* that there are now, by device and inode."""
    found = {}
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            continue
        found[status.st_dev, status.st_ino] = path
    return found
