"""What is said of a technique in the tables beside this: what it does, and which rules see it."""

from __future__ import annotations

from typing import NamedTuple


class Seen(NamedTuple):
    """Names of the public rules and of our own that fire, and by what, or why none does.

    *way*: ours see the way to the deed, and not the deed.
    """

    public: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    how: str = ""
    way: bool = False


class Technique(NamedTuple):
    """What the command does, as a sentence without its subject; *line* where it is not the group's.

    *hooked*: our rules that fire too where the kernel says to what the paths of a call lead.
    """

    does: str
    seen: Seen
    line: str = ""
    hooked: tuple[str, ...] = ()


class Group(NamedTuple):
    """Techniques after the same thing. *line* is a command line as tests/conftest.py reads it, with {} for the name."""

    title: str
    about: str
    line: str
    techniques: dict[str, Technique]


#: How mature Falco's rules files say that a rule is, for the public rules below.
MATURITY = {
    "Read sensitive file untrusted": "stable",
    "Create Hardlink Over Sensitive Files": "stable",
    "Execution from /dev/shm": "stable",
    "Fileless execution via memfd_create": "stable",
    "Run shell untrusted": "stable",
    "PTRACE attached to process": "stable",
    "PTRACE anti-debug attempt": "stable",
    "Detect release_agent File Container Escapes": "stable",
    "User mgmt binaries": "incubating",
    "Change thread namespace": "incubating",
    "Contact EC2 Instance Metadata Service From Container": "incubating",
    "Contact cloud metadata service from container": "incubating",
    "Non sudo setuid": "incubating",
    "Set Setuid or Setgid bit": "incubating",
    "Web Server Spawned Shell": "sandbox",
    "Web Server Spawned Suspicious Child Process": "sandbox",
    "Write below etc": "sandbox",
    "Write below root": "sandbox",
}

RING = "Ring for system calls made by a program that is not installed"
SHOWN = "Folder shown elsewhere by a program that is not installed"


def own(how: str, *rules: str) -> Seen:
    """Return that no public rule fires, but *rules* of ours."""
    return Seen((), rules, how)


def by_way(how: str, *rules: str) -> Seen:
    """Return that no public rule fires, and *rules* of ours for the way to it alone."""
    return Seen((), rules, how, way=True)


def unseen(why: str) -> Seen:
    """Return that no rule fires."""
    return Seen((), (), why)


def by_ring(seen: Seen) -> Seen:
    """Return that the rules fire that do on the call itself, and ours on a ring of an unusual program."""
    return seen._replace(own=(*seen.own, RING), how="the request is seen as the call that does the same")


ARGUMENTS = "the call is read with the arguments of 32-bit programs"
