"""Alerts as log records of OpenTelemetry, in the JSON encoding of OTLP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from falcohost.alert import Alert, Priority
from falcohost.engine.texts import escaped_json, printable
from falcohost.outputs.formats import Rejection

#: Severity numbers, as OpenTelemetry's data model maps those of syslog.
_SEVERITIES: Final[Mapping[Priority, int]] = {
    Priority.EMERGENCY: 21,
    Priority.ALERT: 19,
    Priority.CRITICAL: 18,
    Priority.ERROR: 17,
    Priority.WARNING: 13,
    Priority.NOTICE: 10,
    Priority.INFORMATIONAL: 9,
    Priority.DEBUG: 5,
}

_LONG: Final = 1 << 63


class Otlp:
    """Formats alerts as requests to export logs; the whole alert is in the attributes of its record."""

    json = True

    def line(self, alert: Alert) -> bytes:
        """Return a request with *alert* as JSON, in UTF-8, without its end."""
        return self.together([alert])

    def together(self, alerts: Sequence[Alert]) -> bytes:
        """Return a request with *alerts*, in their order."""
        hosts: dict[str, list[Alert]] = {}
        for alert in alerts:
            hosts.setdefault(alert.hostname, []).append(alert)
        found = [_of_host(name, some) for name, some in hosts.items()]
        return escaped_json(_encode({"resourceLogs": found}))

    def rejected(self, answer: str) -> Rejection:
        """Return what a receiver has rejected by an *answer* with partial success."""
        try:
            partial = _read(answer).partial_success
        except (msgspec.MsgspecError, UnicodeEncodeError):
            partial = None
        if partial is None:
            return Rejection(0, "")
        return Rejection(partial.rejected_log_records, printable(partial.error_message))


class _Partial(msgspec.Struct, rename="camel"):
    rejected_log_records: int = 0
    error_message: str = ""


class _Answer(msgspec.Struct, rename="camel"):
    partial_success: _Partial | None = None


def make() -> Otlp:
    """Return the form."""
    return Otlp()


def _of_host(name: str, alerts: Sequence[Alert]) -> dict[str, object]:
    resource = {"service.name": "falcohost", **({"host.name": name} if name else {})}
    logs = {"scope": {"name": "falcohost"}, "logRecords": [_record(alert) for alert in alerts]}
    return {"resource": {"attributes": _attributes(resource)}, "scopeLogs": [logs]}


def _record(alert: Alert) -> dict[str, object]:
    time = str(max(0, alert.time))  # 64 bits are texts in JSON
    attributes = {
        "falcohost.id": alert.id,
        "falcohost.rule": alert.rule,
        "falcohost.priority": alert.priority.label,
        "falcohost.source": alert.source,
        "falcohost.tags": list(alert.tags),
        "falcohost.output": alert.output,
        "falcohost.count": alert.count,
        **alert.fields,
    }
    return {
        "timeUnixNano": time,
        "observedTimeUnixNano": time,
        "severityNumber": _SEVERITIES[alert.priority],
        "severityText": alert.priority.label,
        "body": {"stringValue": alert.message},
        "attributes": _attributes(attributes),
    }


def _attributes(values: Mapping[str, object]) -> list[dict[str, object]]:
    return [{"key": name, "value": _value(value)} for name, value in values.items()]


def _value(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)} if -_LONG <= value < _LONG else {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _attributes({str(name): inner for name, inner in value.items()})}}
    return {"stringValue": str(value)}


_encode = msgspec.json.Encoder(order="deterministic").encode

# 64 bits are texts in JSON, but not everybody writes them so.
_read = msgspec.json.Decoder(_Answer, strict=False).decode
