"""What alerts of any source say, under one name for one thing, for forms that have names of their own.

Fields hold what an attacker chose. A value that is not of the type that its fact has is left out; forms keep all fields
as they are besides.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from falcohost.alert import Alert

_LONG: Final = 1 << 63


def _text(value: object) -> str | None:
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    return value if isinstance(value, str) and value else None


def _id(value: object) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _number(value: object) -> int | None:
    if isinstance(value, str) and len(value) < 20 and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LONG else None


def _port(value: object) -> int | None:
    number = _number(value)
    return number if number is not None and number < 1 << 16 else None


def _address(value: object) -> str | None:
    text = _text(value)
    try:
        return None if text is None else str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _path(value: object) -> str | None:
    text = _text(value)
    return text if text is not None and text.startswith("/") else None


def _flag(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


class _Fact(NamedTuple):
    read: Callable[[object], object]
    fields: tuple[str, ...]


#: How each fact is read, and from which fields: the first that has it counts.
_FACTS: Final[Mapping[str, _Fact]] = {
    "action": _Fact(_text, ("evt.type", "ka.verb", "ct.name", "okta.evt.type", "github.type")),
    "process.name": _Fact(_text, ("proc.name",)),
    "process.pid": _Fact(_number, ("proc.pid",)),
    "process.path": _Fact(_path, ("proc.exepath",)),
    "process.command": _Fact(_text, ("proc.cmdline",)),
    "process.folder": _Fact(_path, ("proc.cwd",)),
    "process.thread": _Fact(_number, ("thread.tid", "proc.tid")),
    "parent.name": _Fact(_text, ("proc.pname",)),
    "parent.pid": _Fact(_number, ("proc.ppid",)),
    "parent.path": _Fact(_path, ("proc.pexepath",)),
    "parent.command": _Fact(_text, ("proc.pcmdline",)),
    "user.name": _Fact(_text, ("user.name", "ka.user.name", "ct.user", "okta.actor.alternateid", "github.user")),
    "user.id": _Fact(_id, ("user.uid", "okta.actor.id", "ct.user.principalid")),
    "group.name": _Fact(_text, ("group.name", "user.group")),
    "group.id": _Fact(_id, ("group.gid", "user.gid")),
    "container.id": _Fact(_text, ("container.full_id", "container.id")),
    "container.name": _Fact(_text, ("container.name",)),
    "container.privileged": _Fact(_flag, ("container.privileged",)),
    "image.name": _Fact(_text, ("container.image.repository", "container.image")),
    "image.tag": _Fact(_text, ("container.image.tag",)),
    "image.id": _Fact(_text, ("container.image.digest", "container.image.id")),
    "resource.namespace": _Fact(_text, ("k8s.ns.name", "ka.target.namespace")),
    "resource.name": _Fact(_text, ("k8s.pod.name", "ka.target.name")),
    "resource.type": _Fact(_text, ("ka.target.resource",)),
    "file.path": _Fact(_path, ("fs.path.name", "fd.name")),
    "source.ip": _Fact(_address, ("fd.cip", "ct.srcip", "okta.client.ip", "ka.sourceips")),
    "source.port": _Fact(_port, ("fd.cport",)),
    "destination.ip": _Fact(_address, ("fd.sip", "fd.rip")),
    "destination.port": _Fact(_port, ("fd.sport", "fd.rport")),
    "transport": _Fact(_text, ("fd.l4proto",)),
    "client": _Fact(_text, ("ct.useragent", "ka.useragent", "okta.useragent.raw")),
    "account.id": _Fact(_id, ("ct.user.accountid", "ct.recipientaccountid")),
    "region": _Fact(_text, ("ct.region",)),
}

#: Techniques of MITRE ATT&CK, as rules have them among their tags.
_TECHNIQUE: Final = re.compile(r"T\d{4}(?:\.\d{3})?")


def facts_of_alert(alert: Alert) -> dict[str, object]:
    """Return the facts in *alert*; what it does not say is not there."""
    fields = alert.fields
    found: dict[str, object] = {}
    for name, fact in _FACTS.items():
        for field in fact.fields:
            if (value := fields.get(field)) is not None and (read := fact.read(value)) is not None:
                found[name] = read
                break
    if "resource.name" in found and fields.get("k8s.pod.name"):
        found["resource.type"] = "pod"
    return found


def techniques_of(alert: Alert) -> list[str]:
    """Return the techniques of MITRE ATT&CK among the tags of *alert*, such as ``T1059.004``."""
    return [tag for tag in alert.tags if _TECHNIQUE.fullmatch(tag)]


def nested(values: Mapping[str, object]) -> dict[str, object]:
    """Return values with dotted names as objects within objects."""
    root: dict[str, object] = {}
    for name, value in values.items():
        *above, last = name.split(".")
        below = root
        for step in above:
            inner = below.setdefault(step, {})
            assert isinstance(inner, dict), name
            below = inner
        below[last] = value
    return root
