"""Tests the data that passes between a source and the engine."""

from __future__ import annotations

import ast
from pathlib import Path

import falcohost
from falcohost import events

CORE = Path(falcohost.__file__).parent


def optional_attributes() -> set[str]:
    """Return the attributes that core looks for in events that may lack them."""
    found = set()
    files = (
        CORE / "events.py",
        *(file for folder in ("engine", "pipeline", "host") for file in (CORE / folder).rglob("*.py")),
    )
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
                event, name = node.args[:2]
                if isinstance(event, ast.Name) and event.id in ("event", "view"):
                    found.add(name.value)
    return found


def declared_attributes() -> set[str]:
    """Return the attributes that the protocols in ``falcohost.events`` declare."""
    protocols = (
        events.HasActor,
        events.HasFacts,
        events.HasOwnTime,
        events.Partial,
        events.PartialFor,
        events.Described,
        events.HasSubject,
        events.HasResources,
        events.Viewed,
    )
    return {name for protocol in protocols for name in (*vars(protocol), *protocol.__annotations__)}


def test_what_core_reads_from_an_event_is_declared() -> None:
    """Every attribute that core looks for in an event is one of a protocol."""
    attributes = optional_attributes()

    assert {"actor", "subject", "whole"} <= attributes
    assert attributes <= declared_attributes()
