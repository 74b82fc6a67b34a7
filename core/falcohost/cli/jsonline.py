"""JSON in Falco's format: on one line, or indented for people; keys sorted, non-ASCII text not escaped."""

from __future__ import annotations

import json


def json_line(data: object) -> str:
    """Return *data* as one line of JSON; invalid Unicode becomes ``?``."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


def pretty_json(data: object) -> str:
    """Return *data* as indented JSON with sorted keys, as Falco prints listings and schemas."""
    return json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True)
