"""JSON in Falco's format: on one line, or indented for people; keys sorted, non-ASCII text mostly as it is."""

from __future__ import annotations

import json

from falcohost.engine.texts import escaped_json


def json_line(data: object) -> str:
    """Return *data* as one line of JSON; invalid Unicode becomes ``?``."""
    return _safe(json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def pretty_json(data: object) -> str:
    """Return *data* as indented JSON with sorted keys, as Falco prints listings and schemas."""
    return _safe(json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True))


def _safe(text: str) -> str:
    return escaped_json(text.encode("utf-8", "replace")).decode()
