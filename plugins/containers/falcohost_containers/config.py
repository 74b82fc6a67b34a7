"""The plugin's settings: the ``init_config`` of Falco's container plugin, where sockets and files of runtimes are."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from falcohost import ConfigError

#: The name of the plugin, of its lookup, and of the process that asks; the name of that which pauses.
NAME: Final = "containers"
PAUSING: Final = "containers-pausing"

#: Where runtimes are by default; those that the configuration lists take the place of these.
SOCKETS: Final[Mapping[str, tuple[str, ...]]] = {
    "docker": ("/var/run/docker.sock",),
    "podman": ("/run/podman/podman.sock",),
    "cri": ("/run/crio/crio.sock",),
    "containerd": (
        "/run/containerd/containerd.sock",
        "/run/k3s/containerd/containerd.sock",
        "/run/host-containerd/containerd.sock",
    ),
}

#: Whether there is what gRPC needs; without it, containerd and CRI runtimes cannot be asked.
HAS_HTTP2: Final = importlib.util.find_spec("h2") is not None

#: The name of Falco's plugin.
FALCO: Final = "container"

#: Engines without a socket, of which Falco's plugin has only the last three.
_OTHERS: Final = ("runc", "lxc", "libvirt_lxc", "bpm")

#: Where podman, runc, crun and docker keep containers.
STORAGES: Final = ("/var/lib/containers/storage",)
PROGRAMS: Final = ("/usr/bin/podman", "/usr/local/bin/podman")
USERS: Final = "/home/*/.local/share/containers/storage"
STATES: Final = ("/run/runc", "/run/crun")
DOCKERS: Final = ("/var/lib/docker/containers",)

#: Programs whose executions are paused, and for how many seconds at most.
PAUSED: Final = (
    *(f"/usr/{folder}/{name}" for folder in ("bin", "sbin", "local/bin", "local/sbin") for name in ("runc", "crun")),
    "/usr/libexec/crio/runc",
    "/usr/libexec/crio/crun",
    "/var/lib/rancher/k3s/data/current/bin/runc",
)
PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0

#: Longest label by default, in characters (Falco's ``label_max_len``).
LONGEST: Final = 100


class Config(Struct, frozen=True, kw_only=True):
    """Where to ask. All paths begin with the configured ``HOST_ROOT``, if there is one.

    :ivar storages: podman's; *users*: a pattern for those of users, empty: they are not read.
    :ivar states: folders of runc's and crun's states.
    :ivar dockers: folders in which docker makes one for each container; beside each is one of images' names.
    :ivar programs: of runtimes that users may start at any time.
    :ivar bundles: folders in which bare containers' bundles are.
    :ivar paused: programs whose executions are paused until what is on disk has been read.
    :ivar pause: for how many seconds at most.
    :ivar longest: the longest label that is kept, in characters; 0: any.
    """

    docker: tuple[str, ...] = ()
    podman: tuple[str, ...] = ()
    cri: tuple[str, ...] = ()
    containerd: tuple[str, ...] = ()
    storages: tuple[str, ...] = ()
    users: str = ""
    states: tuple[str, ...] = ()
    bundles: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    dockers: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    pause: float = PAUSE
    longest: int = LONGEST

    @property
    def sockets(self) -> tuple[str, ...]:
        """Return all sockets."""
        return (*self.docker, *self.podman, *self.cri, *self.containerd)

    @property
    def places(self) -> tuple[str, ...]:
        """Return paths of which one exists where there is a runtime; a user's podman has no other at first.

        There is none where all engines are disabled: then nobody is to be asked.
        """
        return (*self.sockets, *self.storages, *self.states, *self.bundles, *self.dockers, *self.programs)

    @property
    def modules(self) -> tuple[str, ...]:
        """Return the modules that the plugin's processes need, to ask those runtimes that are there without HTTP/2."""
        there = {
            "docker": self.docker,
            "storage": (*self.storages, *self.podman),
            "crio": self.storages if self.cri else (),
            "bare": self.states,
        }
        runtimes = [f"runtimes.{name}" for name, paths in there.items() if any(map(os.path.exists, paths))]
        helper = ["helper"] if any(map(os.path.exists, self.places)) else []
        return tuple(f"{__package__}.{name}" for name in ("plugin", "fields", "lookup", *helper, *runtimes))

    @property
    def files(self) -> tuple[str, ...]:
        """Return the files and folders that are read; for one that may come later, the folder that it will be in."""
        tasks = [str(Path(one).parent / "io.containerd.runtime.v2.task") for one in self.containerd]
        homes = [self.users.partition("*")[0]] if self.users else []
        images = [str(Path(one).parent / name) for one in self.dockers for name in ("image", "volumes")]
        found = [*self.storages, *homes, *self.states, *self.bundles, *tasks, *self.dockers, *images]
        return tuple(dict.fromkeys(str(_existing(Path(one))) for one in found))


def _existing(path: Path) -> Path:
    """Return *path*, or the innermost folder above it that there is."""
    return next(one for one in (path, *path.parents) if one.exists())


def parse(settings: Mapping[str, Any]) -> Config:
    """Return the settings in the plugin's ``init_config``, or in that of Falco's container plugin.

    :raises ConfigError: one is not as it should be.
    """
    settings = {**_mapping(settings.get(FALCO) or {}, FALCO), **settings}
    engines = _mapping(settings.get("engines") or {}, "engines")
    if unknown := sorted(set(engines) - {*SOCKETS, *_OTHERS, "static"}):
        raise ConfigError(f"the plugin 'containers': there is no engine {unknown[0]!r}")
    root = os.environ.get("HOST_ROOT", "").rstrip("/")
    found = {name: _sockets(engines, name, root) for name in SOCKETS}
    podman = _mapping(engines.get("podman") or {}, "engines.podman")
    runc = _mapping(engines.get("runc") or {}, "engines.runc")
    docker = _mapping(engines.get("docker") or {}, "engines.docker")
    pause = _mapping(settings.get("pause") or {}, "pause")
    own = _enabled(engines, "podman")
    return Config(
        **found,
        storages=_rooted(root, _texts(podman, "storages", STORAGES)) if own else (),
        users=f"{root}{USERS}" if own and podman.get("rootless", True) else "",
        programs=_rooted(root, PROGRAMS) if own and podman.get("rootless", True) else (),
        states=_rooted(root, _texts(runc, "states", STATES)) if _enabled(engines, "runc") else (),
        bundles=_rooted(root, _texts(runc, "bundles", ())) if _enabled(engines, "runc") else (),
        dockers=_rooted(root, _texts(docker, "folders", DOCKERS)) if found["docker"] else (),
        paused=_rooted(root, _texts(pause, "programs", PAUSED)) if pause.get("enabled", False) else (),
        pause=_seconds(pause.get("seconds", PAUSE)),
        longest=_number(settings.get("label_max_len", LONGEST)),
    )


def _sockets(engines: Mapping[str, Any], name: str, root: str) -> tuple[str, ...]:
    if not _enabled(engines, name):
        return ()
    block = _mapping(engines.get(name) or {}, f"engines.{name}")
    return _rooted(root, _texts(block, "sockets", SOCKETS[name]))


def _rooted(root: str, paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{root}{path}" for path in paths)


def _enabled(engines: Mapping[str, Any], name: str) -> bool:
    return bool(_mapping(engines.get(name) or {}, f"engines.{name}").get("enabled", True))


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"the plugin 'containers': {where} is no mapping")
    return value


def _texts(block: Mapping[str, Any], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = block.get(name, default)
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) and one.startswith("/") for one in value):
        raise ConfigError(f"the plugin 'containers': {name} is no list of absolute paths")
    return tuple(value)


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigError("the plugin 'containers': label_max_len is no number of characters")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value <= _LONGEST_PAUSE:
        raise ConfigError(f"the plugin 'containers': pause.seconds is no number from 0 to {_LONGEST_PAUSE:g}")
    return float(value)
