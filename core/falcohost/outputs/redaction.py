"""Redaction: secrets in alerts are replaced before an output gets them. The store keeps alerts as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from falcohost.alert import Alert
from falcohost.engine.condition_values import kept_values
from falcohost.engine.render import text_of
from falcohost.outputs.redaction_settings import Redaction, compiled
from falcohost.outputs.secret_patterns import ANYWHERE, IN_FIELDS, NO_SECRET

#: What stands for a secret, and for what is not looked through.
HIDDEN: Final = "***"
UNREAD: Final = "*** (too long to be looked through for secrets)"

#: Most characters of an alert's values that are looked through; what is longer is left out.
MOST: Final = 1 << 20

#: Fewest characters of a secret that is hidden wherever it stands in the message.
_TELLING: Final = 6

#: Most secrets of one value that are.
_MOST_TELLING: Final = 100


class Redactor:
    """Redacts alerts as *redaction* says."""

    def __init__(self, redaction: Redaction) -> None:
        own = redaction.patterns
        self._fields = redaction.fields
        anywhere = (*(ANYWHERE if redaction.built_in else ()), *own)
        self._in_fields = _Patterns((*(IN_FIELDS if redaction.built_in else ()), *anywhere))
        self._anywhere = _Patterns(anywhere)

    def __call__(self, alert: Alert) -> Alert:
        """Return *alert* without secrets; itself if it has none."""
        found = _Found(self._in_fields, self._fields)
        fields = {name: found.cleaned(name, value) for name, value in alert.fields.items()}
        read = alert.read
        if read:
            values = kept_values(read)
            cleaned = {name: found.cleaned(name, value) for name, value in values.items()}
            read = read if cleaned == values else _encode(cleaned)
        message, output = self._text(alert.message, found), self._text(alert.output, found)
        if not found.secrets and (message, output) == (alert.message, alert.output):
            return alert
        return msgspec.structs.replace(alert, fields=fields, read=read, message=message, output=output)

    def _text(self, text: str, found: _Found) -> str:
        """Return *text*, which has values of fields among words of the rule, without secrets."""
        for whole, cleaned, secrets in found.secrets:
            text = text.replace(whole, cleaned)
            for secret in secrets:
                text = text.replace(secret, HIDDEN)
        return self._anywhere.cleaned(text)[0]


class _Found:
    """Cleans the values of one alert, and keeps what was changed."""

    def __init__(self, patterns: _Patterns, fields: Sequence[str]) -> None:
        self._patterns = patterns
        self._fields = fields
        self._left = MOST
        self.secrets: list[tuple[str, str, list[str]]] = []

    def cleaned(self, name: str, value: object) -> object:
        """Return the value of the field *name* without secrets."""
        if value is None:
            return None
        if any(fnmatchcase(name, pattern) for pattern in self._fields):
            self.secrets.append((text_of(value), HIDDEN, []))
            return HIDDEN
        return self._value(value)

    def _value(self, value: object) -> object:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list | tuple):
            return [self._value(item) for item in value]
        if isinstance(value, dict):
            return {key: self._named(str(key), inner) for key, inner in value.items()}
        return value

    def _named(self, key: str, value: object) -> object:
        """Return what stands under *key* in a record, which may be the name of a secret."""
        if isinstance(value, str) and self._patterns.cleaned(f"{key}={value}")[0] == f"{key}={HIDDEN}":
            self.secrets.append((text_of(value), HIDDEN, []))
            return HIDDEN
        return self._value(value)

    def _text(self, text: str) -> str:
        self._left -= len(text)
        if self._left < 0:
            self.secrets.append((text_of(text), UNREAD, []))
            return UNREAD
        cleaned, secrets = self._patterns.cleaned(text)
        if secrets:
            telling = [shown for secret in secrets[:_MOST_TELLING] if len(shown := text_of(secret)) >= _TELLING]
            self.secrets.append((text_of(text), text_of(cleaned), telling))
        return cleaned


class _Patterns:
    """Regular expressions; one that is all of them tells which texts need a closer look."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._all = [compiled(pattern) for pattern in patterns]
        self._any: Any = compiled("|".join(f"(?:{pattern})" for pattern in patterns)) if patterns else None

    def cleaned(self, text: str) -> tuple[str, list[str]]:
        """Return *text* with secrets replaced, and the secrets."""
        if self._any is None or self._any.search(data := text.encode("utf-8", "replace")) is None:
            return text, []
        secrets: list[str] = []
        hide = _hiding(secrets)
        for pattern in self._all:
            data = pattern.sub(hide, data)
        return data.decode("utf-8", "replace") if secrets else text, secrets


def _hiding(secrets: list[str]) -> Callable[[Any], bytes]:
    """Return a function that hides the secret in a match, and adds it to *secrets*."""

    def hide(match: Any) -> bytes:
        group = next((number for number in range(1, match.re.groups + 1) if match.start(number) >= 0), 0)
        whole: bytes = match.group()
        begin, end = match.start(group) - match.start(), match.end(group) - match.start()
        name, secret = whole[:begin].rstrip(b" \t=:'\"\\").lower().decode("utf-8", "replace"), whole[begin:end]
        if secret == HIDDEN.encode() or name.endswith(NO_SECRET):
            return whole
        secrets.append(secret.decode("utf-8", "replace"))
        return whole[:begin] + HIDDEN.encode() + whole[end:]

    return hide


_encode = msgspec.msgpack.Encoder().encode
