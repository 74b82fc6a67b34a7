"""The rows of the tables of evasions: what a technique does, and which rules detect it."""

from __future__ import annotations

from typing import NamedTuple


class Detection(NamedTuple):
    """The public rules and our own rules that fire, and what they notice, or why none does.

    *way*: our rules detect a preparation, and not the deed itself.
    """

    public: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    how: str = ""
    way: bool = False


class Technique(NamedTuple):
    """A technique: what the command *does*, without a subject, and the command *line* if it is not the group's.

    *hooked*: our rules that fire too if the kernel lets the probe see which files the paths of a call lead to.
    """

    does: str
    seen: Detection
    line: str = ""
    hooked: tuple[str, ...] = ()


class Group(NamedTuple):
    """Techniques with the same aim. *line* is a command line for tests/conftest.py, with {} for the name."""

    title: str
    about: str
    line: str
    techniques: dict[str, Technique]


#: The maturity of the public rules below, according to Falco's rules files.
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


def own(how: str, *rules: str) -> Detection:
    """Return the detection by our *rules* alone."""
    return Detection((), rules, how)


def by_way(how: str, *rules: str) -> Detection:
    """Return the detection of a preparation by our *rules* alone."""
    return Detection((), rules, how, way=True)


def unseen(why: str) -> Detection:
    """Return that no rule detects it, and *why*."""
    return Detection((), (), why)


def by_ring(seen: Detection) -> Detection:
    """Return the detection of the call itself, and by our rule about rings of unusual programs."""
    return seen._replace(own=(*seen.own, RING), how="the request is seen as the call that does the same")


#: Of what is changed in memory while the kernel waits for a page of it.
REWRITTEN = ("Arguments of a call changed while it ran", "Page faults handled by an unusual program")
ENTERED = "the text is compared with what it was when the call began"
ARGUMENTS = "the call is read with the arguments of 32-bit programs"
