"""Reads the findings in commits and workflows, which are added to the payload as in Falco's plugin.

``files``: ``[{"name", "matches": [{"desc", "line"}]}]`` are the changed files of a push with the secrets in them;
``workflow_miner_detections``: ``{"matches": [{"type", "line"}]}`` are words of miners in the file of a workflow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from falcohost.jsonlog import at, elements
from falcohost_github.values import as_count, as_text

FILES = ("files",)
LINKS = ("files", "repository.html_url", "head_commit.id")
MINERS = ("workflow_miner_detections",)

_repository = at("repository.html_url")
_commit = at("head_commit.id")
_miners = at("workflow_miner_detections.matches")


def has_secrets(record: dict[str, Any]) -> str:
    """Return whether the files of a push have secrets: true or false, or "" if they were not searched."""
    if not isinstance(record.get("files"), list):
        return ""
    return "true" if any(True for _ in _secrets(record)) else "false"


def descriptions(record: dict[str, Any]) -> str | None:
    """Return the types of the secrets."""
    return _joined(record, lambda _, secret: as_text(secret.get("desc")))


def files(record: dict[str, Any]) -> str | None:
    """Return the file of each secret."""
    return _joined(record, lambda name, _: name)


def lines(record: dict[str, Any]) -> str | None:
    """Return the line of each secret in its file."""
    return _joined(record, lambda _, secret: str(as_count(secret.get("line"))))


def links(record: dict[str, Any]) -> str:
    """Return the link to each secret on GitHub."""
    base = f"{as_text(_repository(record))}/blob/{as_text(_commit(record))}"
    return _joined(record, lambda name, secret: f"{base}/{name}/#L{as_count(secret.get('line'))}") or ""


def has_miners(record: dict[str, Any]) -> str | None:
    """Return whether a workflow has words of miners: true or false, or None if it was not searched."""
    found = _miners(record)
    return ("true" if found else "false") if isinstance(found, list) else None


def miners(record: dict[str, Any]) -> str | None:
    """Return the words of miners, each once."""
    found = _miners(record)
    if not isinstance(found, list):
        return None
    words = (as_text(match.get("type")) if isinstance(match, dict) else "" for match in found)
    return ",".join(dict.fromkeys(words))


def _secrets(record: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the file's name and the finding, for each secret."""
    for file in elements(record.get("files")):
        if isinstance(file, dict):
            for secret in elements(file.get("matches")):
                yield as_text(file.get("name")), secret if isinstance(secret, dict) else {}


def _joined(record: dict[str, Any], show: Callable[[str, dict[str, Any]], str]) -> str | None:
    if not isinstance(record.get("files"), list):
        return None
    return ",".join(show(name, secret) for name, secret in _secrets(record))
