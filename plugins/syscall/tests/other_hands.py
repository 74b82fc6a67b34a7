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
    "an installed program": Hand("startswith /usr/", f"{IN_BIN}/x {_SEEN} {{rest}}"),
}
_ETC = "@implant private /etc folder /etc/falcohost"
_BIN = "@implant private /usr/bin"
_WORKER = "@worker cgroup $service as 33"
#: More lines of a rule, by what they do.
FURTHER: Mapping[str, Mapping[str, str]] = {
    "Settings of the agent changed": {
        "removed": f"{_ETC} made /etc/falcohost/x unlink /etc/falcohost/x",
        "removed without the right": f"{_ETC} made /etc/falcohost/x as 65534 unlink /etc/falcohost/x",
        "opened to everybody": f"{_ETC} made /etc/falcohost/x chmod 0777 /etc/falcohost/x",
        "opened without the right": f"{_ETC} made /etc/falcohost/x as 65534 chmod 0777 /etc/falcohost/x",
        "the folder opened to everybody": f"{_ETC} chmod 0777 /etc/falcohost",
        "linked": f"{_ETC} made /etc/x link /etc/x /etc/falcohost/y",
        "linked elsewhere": f"{_ETC} made /etc/falcohost/x link /etc/falcohost/x /etc/y",
        "linked without the right": f"{_ETC} made /etc/x as 65534 link /etc/x /etc/falcohost/y",
        "led there": f"{_ETC} symlink /tmp/x /etc/falcohost/y",
        "covered": f"{_ETC} mount tmpfs /etc/falcohost tmpfs",
        "all settings covered": "@implant private /etc mount tmpfs /etc tmpfs",
        "another file removed": "@implant private /etc made /etc/x unlink /etc/x",
        "another file opened": "@implant private /etc made /etc/x chmod 0777 /etc/x",
        "another link": "@implant private /etc made /etc/x link /etc/x /etc/y",
    },
    "Hidden file made in a temporary folder": {
        "a folder": "@implant private /var/tmp folder /var/tmp/.x",
        "a folder of the system": "@implant private /var/tmp folder /var/tmp/.X11-unix",
        "a folder that is not hidden": "@implant private /var/tmp folder /var/tmp/x",
        "a file of the system": "@implant private /var/tmp made /var/tmp/.X11-unix noop",
        "a folder by a tool": f"{IN_BIN}/mkdir {_SEEN} private /var/tmp folder /var/tmp/.x",
        "a folder by another program": f"{IN_BIN}/x {_SEEN} private /var/tmp folder /var/tmp/.x",
    },
    "File that starts a program by itself written": {
        "at a login to a desktop": "@implant folder $tmp/.config/autostart made $tmp/.config/autostart/x.desktop noop",
        "by a user's systemd": "@implant folder $tmp/.config/systemd/user made $tmp/.config/systemd/user/x.timer noop",
        "by a user's systemd, elsewhere": "@implant folder $tmp/.local/share/systemd/user made "
        "$tmp/.local/share/systemd/user/x.service noop",
        "at a login": "@implant folder $tmp/.ssh made $tmp/.ssh/rc noop",
        "of ssh, but nothing that starts": "@implant folder $tmp/.ssh made $tmp/.ssh/known_hosts noop",
        "elsewhere": "@implant folder $tmp/ssh made $tmp/ssh/rc noop",
        "by Python": "@implant folder $tmp/site-packages made $tmp/site-packages/x.pth noop",
        "by Python, but no start": "@implant folder $tmp/site-packages made $tmp/site-packages/x.py noop",
        "not by Python": "@implant folder $tmp/packages.d made $tmp/packages.d/x.pth noop",
    },
    "Folder of programs changed": {
        "linked": f"{_BIN} made /usr/bin/../sbin/.x link /usr/bin/../sbin/.x /usr/bin/y",
        "led elsewhere": f"{_BIN} symlink /tmp/x /usr/bin/y",
        "a folder": f"{_BIN} folder /usr/bin/y",
        "removed": f"{_BIN} made /usr/bin/y unlink /usr/bin/y",
        "removed without the right": f"{_BIN} made /usr/bin/y as 65534 unlink /usr/bin/y",
        "led elsewhere without the right": f"{_BIN} as 65534 symlink /tmp/x /usr/bin/y",
    },
    "Server started a program that is not installed": {
        "in its service": f"{_WORKER} run @payload noop $tmp/x",
        "in its service, by a person": "@worker cgroup $service as 1000 run @payload noop $tmp/x",
        "in its service, by root": "@worker cgroup $service run @payload noop $tmp/x",
        "in its service, by a dynamic account": "@worker cgroup $service as 61184 run @payload noop $tmp/x",
        "in its service, by an account too high": "@worker cgroup $service as 70000 run @payload noop $tmp/x",
        "outside its service": "@worker as 33 run @payload noop $tmp/x",
        "a workers' master": "@php-fpm8.2 as 33 run @payload noop $tmp/x",
    },
    "Shell started in the service of a server": {
        **{shell: f"{_WORKER} run @{shell} noop $tmp/x" for shell in ("bash", "dash", "zsh", "busybox", "ksh", "fish")},
        "no shell": f"{_WORKER} run @payload noop $tmp/x",
        "by a person": "@worker cgroup $service as 1000 run @bash noop $tmp/x",
        "by root": "@worker cgroup $service run @bash noop $tmp/x",
        "by a dynamic account": "@worker cgroup $service as 61184 run @bash noop $tmp/x",
        "by an account too high": "@worker cgroup $service as 70000 run @bash noop $tmp/x",
        "outside its service": "@worker as 33 run @bash noop $tmp/x",
        "by the server itself": "@nginx cgroup $service as 33 run @bash noop $tmp/x",
        "by a workers' master": "@php-fpm8.2 cgroup $service as 33 run @bash noop $tmp/x",
        "a script of the system": f"{_WORKER} run @bash /usr/x noop $tmp/x",
        "a script of the settings": f"{_WORKER} run @bash /etc/x noop $tmp/x",
        "a script in /opt": f"{_WORKER} run @bash /opt/x noop $tmp/x",
        "in a container": "@worker cgroup $cgroup as 33 run @bash noop $tmp/x",
    },
    "Program run from memory": {
        "by itself": "@loader memory @payload noop $tmp/x",
        "not": "@loader exec @payload noop $tmp/x",
    },
    "Program in shared memory handed to another": {
        "to perl": "@loader run /usr/bin/perl $shm/x",
        "to Python": "@loader run /usr/bin/python3 $shm/x",
        "to an installed program": "@loader run /usr/bin/true $shm/x",
        "to a program in /opt": "@a private /opt installed /opt/x run /opt/x $shm/x",
    },
}
_LINE = re.compile(r"(?P<place>(?:@\w+ cgroup \$\w+ exec )?)@(?P<name>[\w.-]+) (?P<rest>.+)")
#: What needs a right that user 65534 does not have.
_CALL = re.compile(
    r"\b(?=(open|chmod|fchmod|unlink|unlinkat|symlink|link|mount|chroot|handle|module|bpf|[a-z]+-[a-z-]+) )"
)
_OPEN = re.compile(r"(?:made (\S+) )?open (read|write|append|truncate) (\S+)$")


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
    if opened := _OPEN.search(rest):
        before, path = rest[: opened.start()], opened[3]
        writes = opened[2] != "read"
        yield "only as a path", f"{place}@{name} {before}made {path} open {'path-write' if writes else 'path'} {path}"
        if not writes:
            yield "of a folder", f"{place}@{name} {before}folder {path} open read {path}"
        yield "the other way", f"{place}@{name} {before}made {path} open {'read' if writes else 'write'} {path}"
