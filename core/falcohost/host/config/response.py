"""Reads what is done about alerts: the block ``actions``, with actions by name and what they are bound to."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from falcohost.errors import ConfigError
from falcohost.host.config.output_blocks import http_block, program_block
from falcohost.host.config.reader import Reader
from falcohost.host.config.response_keys import PROTECTED
from falcohost.host.config.tree import Where, as_bool, as_float, as_int

#: What falcohost has itself; anything else is a plugin's.
KILL: Final = "kill"
STOP: Final = "stop"
PROGRAM: Final = "program"
HTTP: Final = "http"
OWN: Final = (KILL, STOP, PROGRAM, HTTP)

#: What ``kill`` may signal: the process, it and its descendants, or all in its cgroup.
SCOPES: Final = ("process", "tree", "cgroup")

#: Most actions a minute, and most actions and bindings.
MOST_A_MINUTE: Final = 6000
MOST: Final = 256

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_COMMON: Final = ("type", "max_per_minute", "redact")
_PROGRAM: Final = ("program", "user", "timeout")

#: Seconds that a program of an action may run, unless its block says otherwise.
_SECONDS: Final = 10.0


class ActionConfig(Struct, frozen=True):
    """One action.

    :ivar kind: ``kill``, ``stop``, ``program``, ``http``, or the name of a plugin's.
    :ivar block: the settings of this kind.
    :ivar per_minute: most of it a minute for one source.
    :ivar redact: secrets in alerts are replaced before it gets them.
    :ivar where: how messages call its block, with file and line.
    """

    kind: str
    block: Mapping[str, Any]
    per_minute: int
    redact: bool
    where: str


class Named(Struct, frozen=True):
    """A name in the configuration, and where it stands."""

    name: str
    where: Where


class Binding(Struct, frozen=True):
    """Alerts of *rules*, and of rules with one of the *tags*, cause *actions*."""

    rules: tuple[Named, ...]
    tags: tuple[Named, ...]
    actions: tuple[Named, ...]


class ProtectedConfig(Struct, frozen=True):
    """What no action touches: *programs* by paths, *cgroups* by paths, pid *namespaces* by inodes; 0: the agent's."""

    programs: tuple[str, ...] = PROTECTED
    cgroups: tuple[str, ...] = ()
    namespaces: tuple[int, ...] = ()


class ResponseConfig(Struct, frozen=True):
    """What is done about alerts.

    :ivar acts: actions are taken; otherwise it is only told what would be done.
    :ivar per_minute: most actions a minute for one source.
    """

    enabled: bool
    acts: bool
    per_minute: int
    protected: ProtectedConfig
    actions: Mapping[str, ActionConfig]
    bindings: tuple[Binding, ...]


def read_response(reader: Reader) -> ResponseConfig:
    """Return what is done about alerts.

    :raises ConfigError: a value makes no sense.
    """
    section = reader.section("actions")
    mode = section.choice("mode", "actions.mode has to be observe or act, not '{}'")
    actions = _actions(section)
    return ResponseConfig(
        enabled=section.boolean("enabled"),
        acts=mode == "act",
        per_minute=_per_minute(section, section.integer("max_per_minute", at_least=1)),
        protected=_protected(section),
        actions=actions,
        bindings=_bindings(section, actions),
    )


def unknown(named: Named, what: str, known: Iterable[str]) -> ConfigError:
    """Return the error about a name that there is not; *what*: how such a thing is called."""
    import difflib  # where something is wrong

    near = difflib.get_close_matches(named.name, list(known), n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    return ConfigError(f"{named.where}: there is no {what} '{named.name}'{hint}")


def _actions(section: Reader) -> dict[str, ActionConfig]:
    own = section.section("define")
    names = list(own.names())
    if len(names) > MOST:
        raise section.error("define", f"has {len(names)} actions, more than {MOST}")
    for name in names:
        if not _NAME.fullmatch(name):
            raise own.error(name, "is no name of an action: use a-z, 0-9, _ and -, beginning with a letter, at most 32")
    return {name: _action(own.section(name)) for name in names}


def _action(section: Reader) -> ActionConfig:
    kind = section.text("type")
    if not kind:
        raise section.error("type", f"has to say what it is: {', '.join(OWN)}, or a plugin's action")
    if kind in _BLOCKS:
        keys, block = _BLOCKS[kind]
        _check_keys(section, kind, (*_COMMON, *keys))
        settings = block(section)
    else:
        settings = {name: value for name, value in section.all_data().items() if name not in _COMMON}
    return ActionConfig(
        kind=kind,
        block=settings,
        per_minute=_per_minute(section, section.typed("max_per_minute", MOST_A_MINUTE, as_int, "a whole number")),
        redact=section.typed("redact", True, as_bool, "true or false"),
        where=f"{section.here}: {section.path}",
    )


def _per_minute(section: Reader, value: int) -> int:
    if not 1 <= value <= MOST_A_MINUTE:
        raise section.error("max_per_minute", f"has to be from 1 to {MOST_A_MINUTE}, not {value}")
    return value


def _kill(section: Reader) -> Mapping[str, Any]:
    """Return signal and scope.

    :raises ConfigError: there is no such signal or scope.
    """
    name = section.text("signal").upper() or "SIGKILL"
    name = name if name.startswith("SIG") else f"SIG{name}"
    if name not in signal.Signals.__members__:
        raise section.error("signal", f"has to be the name of a signal such as SIGKILL, not '{section.text('signal')}'")
    scope = section.text("scope") or SCOPES[0]
    if scope not in SCOPES:
        raise section.error("scope", f"has to be one of {', '.join(SCOPES)}, not '{scope}'")
    return {"signal": name, "scope": scope}


def _program(section: Reader) -> Mapping[str, Any]:
    timeout = section.typed("timeout", _SECONDS, as_float, "a number")
    found = dict(program_block(section.known_as("program_output")))
    return found | {"keep_alive": False, "timeout": timeout}


def _http(section: Reader) -> Mapping[str, Any]:
    return http_block(section.known_as("http_output"))


_HTTP_KEYS: Final = (
    *("url", "headers", "user_agent", "secret", "secret_file", "insecure", "mtls", "client_cert", "client_key"),
    *("ca_cert", "ca_bundle", "ca_path", "compress_uploads", "keep_alive"),
)

_BLOCKS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[Reader], Mapping[str, Any]]]]] = {
    KILL: (("signal", "scope"), _kill),
    STOP: ((), lambda section: {}),
    PROGRAM: (_PROGRAM, _program),
    HTTP: (_HTTP_KEYS, _http),
}


def _check_keys(section: Reader, kind: str, known: tuple[str, ...]) -> None:
    for name in section.names():
        if name not in known:
            import difflib  # where something is wrong

            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise section.error(name, f"is not a key of an action of type {kind}{hint}")


def _bindings(section: Reader, actions: Mapping[str, ActionConfig]) -> tuple[Binding, ...]:
    found = section.sections("bind")
    if len(found) > MOST:
        raise section.error("bind", f"has {len(found)} bindings, more than {MOST}")
    return tuple(_binding(one, actions) for one in found)


def _binding(section: Reader, actions: Mapping[str, ActionConfig]) -> Binding:
    _check_keys_of_binding(section)
    binding = Binding(*(_named(section, key) for key in ("rules", "tags", "actions")))
    if not binding.actions:
        raise section.error("actions", "has to name the actions that are bound")
    if not binding.rules and not binding.tags:
        raise section.error("rules", "or tags has to say which alerts cause the actions")
    for one in binding.actions:
        if one.name not in actions:
            raise unknown(one, "action", actions)
    return binding


def _check_keys_of_binding(section: Reader) -> None:
    for name in section.names():
        if name not in Binding.__struct_fields__:
            raise section.error(name, "is not a key of a binding; it has rules, tags and actions")


def _named(section: Reader, key: str) -> tuple[Named, ...]:
    return tuple(map(Named, section.texts(key), section.places(key)))


def _protected(section: Reader) -> ProtectedConfig:
    programs = section.texts("protected") if section.has("protected") else PROTECTED
    if wrong := next((one for one in programs if not one.startswith("/")), None):
        raise section.error("protected", f"has to have paths that begin with /, not '{wrong}'")
    cgroups = section.texts("protected_cgroups")
    if wrong := next((one for one in cgroups if not one.startswith("/") or ".." in one.split("/")), None):
        raise section.error("protected_cgroups", f"has to have paths that begin with / and have no .., not '{wrong}'")
    return ProtectedConfig(programs, tuple(one.rstrip("/") or "/" for one in cgroups), _namespaces(section))


def _namespaces(section: Reader) -> tuple[int, ...]:
    found = section.texts("protected_namespaces")
    if wrong := next((one for one in found if one != "host" and not one.isdecimal()), None):
        raise section.error("protected_namespaces", f"has to have inodes of pid namespaces, or host, not '{wrong}'")
    return tuple(0 if one == "host" else int(one) for one in found)
