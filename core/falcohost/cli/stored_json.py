"""A stored alert as a line of JSON: the whole alert, and what the store knows of it."""

from __future__ import annotations

from falcohost.cli.jsonline import json_line
from falcohost.engine.alerts import JsonOptions, encode_json
from falcohost.engine.times import rfc3339
from falcohost.store.history import StoredAlert

_WHOLE = JsonOptions(with_id=True, subjects=True, condition_fields=True)


def stored_json(stored: StoredAlert, *, number: bool = False) -> str:
    """Return *stored* as one line of JSON; *number*: with its number in the store, ``seq``."""
    line = encode_json(stored.alert, _WHOLE).decode()
    known: dict[str, object] = {"seq": stored.seq} if number else {}
    if stored.held:
        known["held"] = stored.held
    if (verdict := stored.verdict) is not None:
        known["verdict"] = {
            "verdict": verdict.verdict,
            "note": verdict.note,
            "by": verdict.by,
            "uid": verdict.uid,
            "time": rfc3339(verdict.at * 1_000_000_000),
        }
    return f"{line[:-1]},{json_line(known)[1:]}" if known else line
