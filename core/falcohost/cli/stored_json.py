"""A stored alert as a line of JSON: the whole alert, and what the store knows of it."""

from __future__ import annotations

from falcohost.engine.alerts import JsonOptions, encode_json
from falcohost.store.history import StoredAlert

_WHOLE = JsonOptions(with_id=True, subjects=True, condition_fields=True)


def stored_json(stored: StoredAlert, *, number: bool = False) -> str:
    """Return *stored* as one line of JSON; *number*: with its number in the store, ``seq``."""
    line = encode_json(stored.alert, _WHOLE).decode()
    return f'{line[:-1]},"seq":{stored.seq}}}' if number else line
