"""The lines of rules by other hands: programs that rules trust, those that only look like them, and calls that fail.

``record_rule_tests.py`` runs them, and keeps what decides a check that nothing else does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from other_ways import IN_BIN

_SEEN = "folder $tmp/x"
_COPY = "in-memory runc_cloned:/proc/self/exe"
_MANAGER = "@a private /var folder /var/cfengine/bin installed /var/cfengine/bin/cf-agent"


class Hand(NamedTuple):
    """Who does what a line says.

    :ivar mark: a part of the check that it may decide.
    :ivar line: a command line, in which ``{name}`` is the line's program and ``{rest}`` what it does.
    """

    mark: str
    line: str


HANDS: Mapping[str, Hand] = {
    "a container runtime": Hand("/usr/bin/runc", f"{IN_BIN}/runc {_SEEN} {{rest}}"),
    "a runtime's copy in memory": Hand("runc", f"{IN_BIN}/runc {_SEEN} child {_COPY} {_SEEN} {{rest}}"),
    "such a copy of another program": Hand("runc", f"@{{name}} {_COPY} {_SEEN} {{rest}}"),
    "another copy in memory": Hand("runc", f"{IN_BIN}/runc {_SEEN} child in-memory x {_SEEN} {{rest}}"),
    "a package manager": Hand("/usr/bin/dpkg", f"{IN_BIN}/dpkg {_SEEN} {{rest}}"),
    "a child of a package manager": Hand("/usr/bin/dpkg", f"{IN_BIN}/dpkg {_SEEN} child exec @{{name}} {{rest}}"),
    "a package manager's script": Hand("/usr/bin/dnf", f"{IN_BIN}/python3 /usr/bin/dnf {_SEEN} {{rest}}"),
    "another script": Hand("/usr/bin/dnf", f"{IN_BIN}/python3 /srv/x {_SEEN} {{rest}}"),
    "a program with a script's name": Hand("/usr/bin/python3", f"@{{name}} /usr/bin/dnf {_SEEN} {{rest}}"),
    "a child of a package manager's script": Hand(
        "/usr/bin/dnf", f"{IN_BIN}/python3 /usr/bin/dnf {_SEEN} child exec @{{name}} {{rest}}"
    ),
    "a child of another script": Hand("/usr/bin/dnf", f"{IN_BIN}/python3 /srv/x {_SEEN} child exec @{{name}} {{rest}}"),
    "a child of a program with a script's name": Hand(
        "/usr/bin/python3", f"@other /usr/bin/dnf {_SEEN} child exec @{{name}} {{rest}}"
    ),
    "a manager of configuration": Hand("/cf-agent", f"{_MANAGER} {_SEEN} {{rest}}"),
    "a child of a manager of configuration": Hand("/cf-agent", f"{_MANAGER} {_SEEN} child exec @{{name}} {{rest}}"),
    "an image builder": Hand("/usr/bin/buildah", f"{IN_BIN}/buildah {_SEEN} {{rest}}"),
    "a child of an image builder": Hand("/usr/bin/buildah", f"{IN_BIN}/buildah {_SEEN} child exec @{{name}} {{rest}}"),
    "a program in /opt": Hand("startswith /opt/", f"@a private /opt installed /opt/x {_SEEN} {{rest}}"),
    **{
        f"a program in {folder}": Hand(f"startswith {mark}", f"@a root installed {folder}/x {_SEEN} {{rest}}")
        for folder, mark in {
            "/bin": "/bin/",
            "/sbin": "/sbin/",
            "/lib": "/lib",
            "/snap": "/snap/",
            "/nix/store": "/nix/store/",
        }.items()
    },
    "an installed program": Hand("startswith /usr/", f"{IN_BIN}/x {_SEEN} {{rest}}"),
}
_LINE = re.compile(r"(?P<place>(?:@\w+ cgroup \$\w+ exec )?)@(?P<name>[\w.-]+) (?P<rest>.+)")
#: What needs a right that user 65534 does not have.
_CALL = re.compile(
    r"\b(?=(open|chmod|fchmod|unlink|unlinkat|symlink|link|mount|chroot|handle|module|bpf|[a-z]+-[a-z-]+) )"
)
_OPEN = re.compile(r"(?:made (?:\S+) )?open (read|write|append|truncate) (\S+)$|made (\S+) (?:noop|unlink \S+)$")


def by_other_hands(line: str, checks: str) -> Iterator[tuple[str, str]]:
    """Yield who else does what *line* does, and the line, for a rule whose undecided checks are *checks*."""
    if not (match := _LINE.fullmatch(line)) or " installed " in line:
        return
    place, name, rest = match["place"], match["name"], match["rest"]
    for who, hand in HANDS.items():
        if hand.mark in checks:
            yield f"by {who}", place + hand.line.format(name=name, rest=rest)
    if place:
        yield "outside of containers", f"@{name} {_SEEN} {rest}"
    if ("evt.rawres" in checks or "fd.num" in checks) and " /tmp/" not in rest:  # what is made there would stay
        calls = [*_CALL.finditer(f"{rest} ")]
        for call in calls[-1:]:
            yield "without the right", f"{place}@{name} {rest[: call.start()]}as 65534 {rest[call.start() :]}"
    if " noop" in rest:
        yield "and goes on", f"{place}@{name} {rest.replace(' noop', ' goes-on')}"
    if opened := _OPEN.search(rest):
        before, path = rest[: opened.start()], opened[2] or opened[3]
        writes = opened[1] != "read"
        yield "only as a path", f"{place}@{name} {before}made {path} open {'path-write' if writes else 'path'} {path}"
        yield "by a handle", f"{place}@{name} {before}made {path} {'handle-write' if writes else 'handle'} {path}"
        yield "of a pipe", f"{place}@{name} {before}pipe {path}"
        if writes:
            yield "by creat", f"{place}@{name} {before}creat {path}"
        if not writes:
            yield "of a folder", f"{place}@{name} {before}folder {path} open read {path}"
        yield "the other way", f"{place}@{name} {before}made {path} open {'read' if writes else 'write'} {path}"
