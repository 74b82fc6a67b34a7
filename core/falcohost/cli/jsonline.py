"""JSON as Falco writes it: on one line, or indented for people; keys sorted, text as it is."""

from __future__ import annotations

import json


def json_line(data: object) -> str:
    """Return *data* as one line of JSON; what is no valid Unicode becomes ``?``."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()


def pretty_json(data: object) -> str:
    """Return *data* as Falco writes listings and schemas: indented, keys sorted."""
    return json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True)
