"""Refuses requests that a web page has a browser send to a listener that asks for no secret.

A page of any site can have the browser send to this machine, and can pass for this machine's own page by giving its
name this machine's address (DNS rebinding). Where senders show a secret, neither helps it.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from falcohost.web.address import Address
from falcohost.web.body import Rejected


def refuse_browsers(headers: Mapping[str, str], address: Address) -> None:
    """Check the headers of a request to the loopback *address*.

    :raises Rejected: a web page has sent it, or it is for another host.
    """
    if "Origin" in headers:
        raise Rejected(HTTPStatus.FORBIDDEN, "web pages must not send events: the request has the header Origin")
    if "Host" in headers and not _is_own(headers["Host"], address):
        text = f"the header Host has to be that of this machine, as in http://localhost:{address.port}"
        raise Rejected(HTTPStatus.FORBIDDEN, text)


def media_type(content_type: str) -> str:
    """Return the type in the header *content_type*, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


@functools.lru_cache(maxsize=16)
def _is_own(host: str, address: Address) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if "@" in host:
        return False
    if name.rstrip(".") in ("localhost", address.host.lower()):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
