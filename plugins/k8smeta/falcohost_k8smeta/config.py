"""The plugin's settings: where the API server is, who asks, and for which node. Falco's are understood."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from falcohost import ConfigError
from falcohost.settings import Settings

#: The plugin's name, which is that of Falco's, of its lookup and of its process.
NAME: Final = "k8smeta"

#: Where Kubernetes puts the service account of a pod: its token, and the certificates of the API server's authority.
_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN: Final = f"{_ACCOUNT}/token"
AUTHORITY: Final = f"{_ACCOUNT}/ca.crt"

#: Environment variables that Kubernetes sets in each pod, and those with the node's name that a manifest may set.
HOST, PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"
NODE: Final = ("FALCOHOST_NODE_NAME", "FALCO_K8S_NODE_NAME")

#: What Falco's plugin needs to reach its collector, which is not asked here.
OF_COLLECTOR: Final = ("collectorHostname", "collectorPort", "caPEMBundle", "hostProc", "verbosity")

#: Keys, with those of earlier versions of Falco's plugin.
_KEYS: Final = frozenset({"apiServer", "tokenFile", "caFile", "nodeName", "nodename", *OF_COLLECTOR})

_SERVER: Final = re.compile(r"https://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?/?")
_NODE_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


class Config(Struct, frozen=True, kw_only=True):
    """Whom to ask, and about what.

    :ivar host: the API server's address, without brackets; empty: it is not known.
    :ivar token: the file with the token of the service account, which is read anew for each connection.
    :ivar authority: the file with the certificates by which the API server's is checked.
    :ivar node: the node whose pods are watched; empty: it is not known.
    """

    host: str = ""
    port: int = 443
    token: str = TOKEN
    authority: str = AUTHORITY
    node: str = ""

    @property
    def address(self) -> str:
        """Return host and port as URLs have them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def files(self) -> tuple[str, ...]:
        """Return the folders with token and certificates: Kubernetes replaces these files by links."""
        return tuple(dict.fromkeys(str(Path(one).parent) for one in (self.token, self.authority)))

    @property
    def is_guarded(self) -> bool:
        """Return whether the token or the certificates cannot be read by everybody."""
        return not all(map(_is_open, (self.token, self.authority)))


def _is_open(path: str) -> bool:
    try:
        file = Path(path).resolve()
        opens = all(folder.stat().st_mode & stat.S_IXOTH for folder in file.parents)
        return opens and bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return True


def parse(given: Mapping[str, Any]) -> Config:
    """Return the settings in the plugin's ``init_config``.

    What is missing is taken from the environment of the agent; it is not there in workers, which do not need it.

    :raises ConfigError: one is not as it should be.
    """
    settings = Settings(NAME, given, _KEYS)
    host, port = _server(settings.text("apiServer"))
    node = settings.text("nodeName") or settings.text("nodename") or next(filter(None, map(os.environ.get, NODE)), "")
    if node and not _NODE_NAME.fullmatch(node):
        raise ConfigError(f"the plugin '{NAME}': nodeName: {node!r} is no name of a node")
    token, authority = _path(settings, "tokenFile", TOKEN), _path(settings, "caFile", AUTHORITY)
    return Config(host=host, port=port, node=node, token=token, authority=authority)


def names_collector(given: Mapping[str, Any]) -> bool:
    """Return whether the settings are those of Falco's plugin, which asks a collector."""
    return not given.keys().isdisjoint(OF_COLLECTOR)


def _server(text: str) -> tuple[str, int]:
    if not text:
        host, port = os.environ.get(HOST, ""), os.environ.get(PORT, "443")
        return host, int(port) if port.isdecimal() else 443
    found = _SERVER.fullmatch(text)
    port = (found and found[2]) or "443"
    if found is None or not 0 < int(port) < 65536:
        raise ConfigError(f"the plugin '{NAME}': apiServer has to be like https://10.96.0.1:443")
    return found[1].strip("[]"), int(port)


def _path(settings: Settings, name: str, default: str) -> str:
    value = settings.text(name, default) or default
    if not value.startswith("/"):
        raise ConfigError(f"the plugin '{NAME}': {name} is no absolute path")
    return value
