"""The address of a listener, in the form of Falco's ``open_params``: ``http://host:port/path`` or ``https://…``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from falcohost.errors import SourceError

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Address:
    """One address.

    :ivar host: a host name or IP address.
    :ivar given: the host was given; otherwise it is loopback.
    """

    host: str
    port: int
    path: str
    tls: bool
    given: bool = True

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        """Return it as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.tls else ''}://{host}:{self.port}{self.path}"


def is_address(open_params: str) -> bool:
    """Return whether *open_params* is an address, and not a file."""
    return re.match("https?://", open_params, re.IGNORECASE) is not None


def read_address(open_params: str, plugin: str) -> Address:
    """Return the address in *open_params*.

    :raises SourceError: it is not a valid address.
    """
    try:
        url = urlsplit(open_params)
        port = url.port
    except ValueError as error:
        raise SourceError(f"{plugin}: open_params '{open_params}' is not an address: {error}") from error
    if url.username or url.password or url.query or url.fragment:
        raise SourceError(f"{plugin}: open_params '{open_params}' has to be http[s]://host:port/path and nothing else")
    if not port:
        raise SourceError(
            f"{plugin}: open_params '{open_params}' has no port; write it as in http://127.0.0.1:9765/k8s-audit"
        )
    host = url.hostname or ""
    return Address(host or LOOPBACK, port, url.path or "/", url.scheme.lower() == "https", given=bool(host))
