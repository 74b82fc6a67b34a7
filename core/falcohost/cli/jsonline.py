"""JSON on one line as Falco writes it: keys sorted, no blanks, text as it is."""

from __future__ import annotations

import json


def json_line(data: object) -> str:
    """Return *data* as one line of JSON; what is no valid Unicode becomes ``?``."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()
