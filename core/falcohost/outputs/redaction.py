"""Redaction: secrets in alerts are replaced before an output gets them. The store keeps alerts as they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

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

#: Most names of fields of which it is remembered whether their values are replaced.
_MOST_NAMES: Final = 4096

#: How the names of fields begin that have the values of the matches that an alert stands for.
_OF_SEVERAL: Final = "falcohost.values."

#: Where an alert remembers what it is without secrets, since several outputs deliver the same one: by whose patterns,
#: and the alert; None: itself.
_REDACTED: Final = "redacted"

#: So many alerts are glanced at together, unless they have so many characters.
_TOGETHER: Final = 32
_MUCH: Final = 1 << 16

#: In a pattern: asks for the ends of a whole text, or may do so.
_OF_THE_WHOLE: Final = re.compile(r"\\[Az]|\(\?[A-Za-z]*-")


class Redactor:
    """Redacts alerts as *redaction* says."""

    def __init__(self, redaction: Redaction) -> None:
        own = redaction.patterns
        self._names = _Names(redaction.fields)
        anywhere = (*(ANYWHERE if redaction.built_in else ()), *own)
        self._in_fields = _Patterns((*(IN_FIELDS if redaction.built_in else ()), *anywhere))
        self._anywhere = _Patterns(anywhere)
        self._glances = not any(map(_OF_THE_WHOLE.search, own))

    def __call__(self, alert: Alert) -> Alert:
        """Return *alert* without secrets; itself if it has none."""
        return self.all([alert])[0]

    def all(self, alerts: list[Alert]) -> list[Alert]:
        """Return *alerts* without secrets; those that have none as they are."""
        new = [alert for alert in alerts if alert.__dict__.get(_REDACTED, _BY_NOBODY)[0] is not self]
        if new:
            clean = self._clean(new) if self._glances else set()
            for alert in new:
                redacted = alert if id(alert) in clean else self._redacted(alert)
                alert.__dict__[_REDACTED] = self, None if redacted is alert else redacted
        return [alert.__dict__[_REDACTED][1] or alert for alert in alerts]

    def _clean(self, alerts: Sequence[Alert]) -> set[int]:
        """Return the ids, as of objects, of those *alerts* in which a glance shows no secret, as in most."""
        clean: set[int] = set()
        some: list[tuple[Alert, list[str]]] = []
        much = 0
        for alert in alerts:
            texts: list[str] = []
            if not self._texts(alert.fields, texts) or (alert.read and not self._texts(kept_values(alert.read), texts)):
                continue
            size = sum(map(len, texts))
            if size > MOST:
                continue
            some.append((alert, texts))
            much += size
            if len(some) >= _TOGETHER or much > _MUCH:
                clean |= self._glance(some)
                some, much = [], 0
        return clean | self._glance(some)

    def _glance(self, some: Sequence[tuple[Alert, list[str]]]) -> set[int]:
        """Return the ids of those alerts that are clean; each is beside the texts of its values."""
        together = [text for alert, texts in some for text in (*texts, alert.message, alert.output)]
        if not self._in_fields.may_match(together):  # which the patterns for anywhere are among
            return {id(alert) for alert, _ in some}
        if len(some) > 1:
            return {number for one in some for number in self._glance([one])}
        alert, texts = some[0]
        if self._in_fields.may_match(texts) or self._anywhere.may_match((alert.message, alert.output)):
            return set()
        return {id(alert)}

    def _texts(self, values: Mapping[str, object], texts: list[str]) -> bool:
        """Add the texts among *values* to *texts*; return whether a glance at these will do."""
        for name, value in values.items():
            if value is None:
                continue
            hidden, key = self._names[name]
            if hidden:
                return False
            if isinstance(value, str):
                texts.append(f"{key}={value}" if key else value)
            elif isinstance(value, list):
                if not all(isinstance(item, str) for item in value):
                    return False
                texts += [f"{key}={item}" for item in value] if key else value
            elif not isinstance(value, int | float):
                return False
        return True

    def _redacted(self, alert: Alert) -> Alert:
        found = _Found(self._in_fields, self._names)
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
            text = _replaced(text, whole, cleaned)
            for secret in secrets:
                text = text.replace(secret, HIDDEN)
        return self._anywhere.cleaned(text)[0]


class _Found:
    """Cleans the values of one alert, and keeps what was changed."""

    def __init__(self, patterns: _Patterns, names: _Names) -> None:
        self._patterns = patterns
        self._names = names
        self._left = MOST
        self.secrets: list[tuple[str, str, list[str]]] = []

    def cleaned(self, name: str, value: object) -> object:
        """Return the value of the field *name* without secrets."""
        if value is None:
            return None
        hidden, key = self._names[name]
        if hidden:
            return self._hidden(value)
        return self._named(key, value) if key else self._value(value)

    def _hidden(self, value: object) -> object:
        """Return what stands for *value*, which is a secret as a whole."""
        shown = f"({','.join(text_of(one) for one in value)})" if isinstance(value, list | tuple) else text_of(value)
        self.secrets.append((shown, HIDDEN, []))
        return HIDDEN

    def _value(self, value: object) -> object:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list | tuple):
            return [self._value(item) for item in value]
        if isinstance(value, dict):
            return {key: self._named(str(key), inner) for key, inner in value.items()}
        return value

    def _named(self, key: str, value: object) -> object:
        """Return what stands under *key* in a record, which may be the name of a secret: then all of it is one."""
        if isinstance(value, list):
            return [self._named(key, item) for item in value]
        if isinstance(value, str) and self._patterns.cleaned(f"{key}={value}")[0].startswith(f"{key}={HIDDEN}"):
            return self._hidden(value)
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


def _replaced(text: str, whole: str, cleaned: str) -> str:
    """Return *text* with *cleaned* for *whole*, which is no part of a word if it is short: that would hide the rest."""
    if len(whole) >= _TELLING:
        return text.replace(whole, cleaned)
    if not whole:
        return text
    begin, end = (r"\b" if re.match(r"\w", one) else "" for one in (whole[0], whole[-1]))
    return re.sub(f"{begin}{re.escape(whole)}{end}", lambda _: cleaned, text)


class _Name(NamedTuple):
    """What the name of a field says: its values are replaced; else the key in its argument, which may be a secret's."""

    hidden: bool
    key: str


class _Names(dict[str, _Name]):
    """What the names of fields say; *patterns* match those whose values are replaced, in which ``*`` is any text."""

    def __init__(self, patterns: Sequence[str]) -> None:
        super().__init__()
        self._patterns = [pattern.replace("[", "[[]").replace("?", "[?]") for pattern in patterns]

    def __missing__(self, name: str) -> _Name:
        """Decide about a name that is not remembered."""
        if len(self) >= _MOST_NAMES:
            self.clear()
        one = name.removeprefix(_OF_SEVERAL)
        field, _, argument = one.partition("[")
        argument = argument.removesuffix("]")
        names = {one, field} if argument.isdecimal() else {one}  # a number says which of several, of ancestors say
        hidden = any(fnmatchcase(name, pattern) for name in names for pattern in self._patterns)
        found = self[name] = _Name(hidden, argument.rpartition("/")[2])
        return found


class _Patterns:
    """Regular expressions; one that is all of them tells which texts need a closer look."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._all = [compiled(pattern) for pattern in patterns]
        self._any: Any = compiled("|".join(f"(?m:{pattern})" for pattern in patterns)) if patterns else None

    def may_match(self, texts: Iterable[str]) -> bool:
        """Return whether there may be a match in one of *texts*.

        They are looked through together, each on a line of its own, so that each begins where ``^`` matches.
        """
        return self._any is not None and self._any.search("\n".join(texts).encode("utf-8", "replace")) is not None

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


_BY_NOBODY: Final = (None, None)
_encode = msgspec.msgpack.Encoder().encode
