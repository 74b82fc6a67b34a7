"""``--list-events``: lists the event types of each source and their parameters, in Falco's layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from falcohost.cli.jsonline import pretty_json
from falcohost.hookspecs import EventParam, SourceSpec

#: The event types of a source, each with its parameters.
_Events = Mapping[str, Sequence[EventParam]]


def list_events(sources: Iterable[SourceSpec], form: str) -> str:
    """Return the event types of each source that declares them. All are exit events (``<``)."""
    known = {f"{spec.name.capitalize()} events": _events(spec) for spec in sources if spec.event_types is not None}
    if form == "json":
        return pretty_json({title: [_as_json(*event) for event in events.items()] for title, events in known.items()})
    write = _as_row if form == "markdown" else _as_line
    head = "Default | Dir | Name | Params \n:-------|:----|:-----|:-----\n" if form == "markdown" else ""
    blocks = [
        f"## {title}\n\n{head}" + "\n".join(write(*event) for event in events.items())
        for title, events in known.items()
    ]
    return "\n\n".join(blocks)


def _events(spec: SourceSpec) -> _Events:
    params = {} if spec.event_params is None else spec.event_params()
    return {name: params.get(name, ()) for name in sorted(spec.event_types or ())}


def _as_line(name: str, params: Sequence[EventParam]) -> str:
    return f"< {name}({_told(params, '')})"


def _as_row(name: str, params: Sequence[EventParam]) -> str:
    return f"Yes | `<` | `{name}` | {_told(params, '*')}"


def _told(params: Sequence[EventParam], mark: str) -> str:
    return ", ".join(
        f"{param.type} **{param.name}**"
        + (f": {', '.join(f'{mark}{flag}{mark}' for flag in param.flags)}" if param.flags else "")
        for param in params
    )


def _as_json(name: str, params: Sequence[EventParam]) -> dict[str, Any]:
    described = [
        {"name": param.name, "type": param.type} | ({"flags": list(param.flags)} if param.flags else {})
        for param in params
    ]
    return {"available": True, "dir": "<", "name": name, "params": described}
