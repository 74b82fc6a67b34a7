"""Raises an alert for each reload that is accepted: new rules may be what an attacker wants."""

from __future__ import annotations

from collections.abc import Sequence

from falcohost.alert import Priority
from falcohost.host.reader_link import Handed
from falcohost.host.stamps import Stamps, stamps
from falcohost.host.supervision.internal import InternalAlerts

RELOADED = "Falcohost internal: reload"

#: Most files that are named.
_MOST = 20


class Accepted:
    """Knows what was read last: *read*, the files, and *rules*, how many rules are in them."""

    def __init__(self, read: Stamps, rules: int, internal: InternalAlerts) -> None:
        self._read = read
        self._rules = rules
        self._internal = internal

    def tell(self, new: Handed | None, cause: str) -> None:
        """Raise the alert: *new* rules are taken over; None: the agent starts anew. *cause* had them read."""
        now = stamps(self._read)
        changed = [path for path, before in self._read.items() if now[path] != before]
        fields: dict[str, object] = {}
        if new is not None:
            read, rules = new.assignment.files_read, len(new.assignment.rules)
            changed += [path for path in read if path not in self._read]
            fields = {"rules_before": self._rules, "rules_after": rules}
            what = f"{rules} rules instead of {self._rules} are used from now on"
            self._read, self._rules = read, rules
        else:
            what = "the agent starts anew, with its present configuration and code"
        shown = [*changed[:_MOST], *(["..."] if len(changed) > _MOST else [])]
        files = f"; changed files: {', '.join(shown)}" if shown else f"; no file has changed, but {cause}"
        self._internal.raise_alert(RELOADED, Priority.NOTICE, f"Reload: {what}{files}", {"files": shown, **fields})

    def renewed(self, source: str, files: Sequence[str]) -> None:
        """Raise the alert: *source* is opened anew, since its certificate or secret in *files* has changed."""
        what = f"Reload: event source '{source}' has another certificate or secret from now on; its files: "
        fields = {"files": [*files[:_MOST]], "source": source}
        self._internal.raise_alert(RELOADED, Priority.NOTICE, what + ", ".join(files[:_MOST]), fields)
