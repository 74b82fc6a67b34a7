"""Alerts as findings in the Open Cybersecurity Schema Framework (OCSF): class 2004, Detection Finding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

import msgspec

from falcohost.alert import Alert, Priority
from falcohost.engine.texts import escaped_json
from falcohost.engine.times import rfc3339
from falcohost.outputs.formats.facts import facts_of_alert, techniques_of

VERSION: Final = "1.8.0"
_CATEGORY, _CLASS, _CREATE = 2, 2004, 1

_SEVERITIES: Final[Mapping[Priority, tuple[int, str]]] = {
    Priority.EMERGENCY: (6, "Fatal"),
    Priority.ALERT: (5, "Critical"),
    Priority.CRITICAL: (5, "Critical"),
    Priority.ERROR: (4, "High"),
    Priority.WARNING: (3, "Medium"),
    Priority.NOTICE: (2, "Low"),
    Priority.INFORMATIONAL: (1, "Informational"),
    Priority.DEBUG: (1, "Informational"),
}


class Ocsf:
    """Formats alerts as new findings; all output fields are kept besides, as data of the evidence."""

    json = True

    def line(self, alert: Alert) -> bytes:
        """Return *alert* as a line of JSON, in UTF-8, without its end."""
        severity_id, severity = _SEVERITIES[alert.priority]
        milliseconds = alert.time // 1_000_000
        finding = {
            "activity_id": _CREATE,
            "activity_name": "Create",
            "category_uid": _CATEGORY,
            "category_name": "Findings",
            "class_uid": _CLASS,
            "class_name": "Detection Finding",
            "type_uid": _CLASS * 100 + _CREATE,
            "type_name": "Detection Finding: Create",
            "severity_id": severity_id,
            "severity": severity,
            "status_id": 1,
            "status": "New",
            "is_alert": True,
            "time": milliseconds,
            "message": alert.message,
            "metadata": {
                "version": VERSION,
                "uid": alert.id,
                "log_name": alert.source,
                "original_time": rfc3339(alert.time),
                "product": {"name": "falcohost", "vendor_name": "falcohost"},
            },
            "finding_info": _information(alert, milliseconds),
            "evidences": [_evidence(alert)],
            "unmapped": {"count": alert.count, "output": alert.output, "priority": alert.priority.label},
        }
        if alert.hostname:
            finding["device"] = {"hostname": alert.hostname, "type_id": 0}
        return escaped_json(_encode(finding))


def make() -> Ocsf:
    """Return the form."""
    return Ocsf()


def _information(alert: Alert, milliseconds: int) -> dict[str, object]:
    information: dict[str, object] = {
        "uid": alert.id,
        "title": alert.rule,
        "created_time": milliseconds,
        "data_sources": [alert.source],
        "types": list(alert.tags),
        "analytic": {"name": alert.rule, "type_id": 1, "type": "Rule"},
    }
    if alert.metadata.description:
        information["desc"] = alert.metadata.description
    if techniques := techniques_of(alert):
        information["attacks"] = [_attack(name) for name in techniques]
    return information


def _attack(name: str) -> dict[str, object]:
    technique, dot, _ = name.partition(".")
    attack: dict[str, object] = {"technique": {"uid": technique}}
    return attack | ({"sub_technique": {"uid": name}} if dot else {})


def _evidence(alert: Alert) -> dict[str, object]:
    facts = facts_of_alert(alert)
    evidence: dict[str, object] = {"data": alert.fields}
    user = _picked(facts, {"name": "user.name", "uid": "user.id"})
    if group := _picked(facts, {"name": "group.name", "uid": "group.id"}):
        user |= {"groups": [group]} if user else {}
    process = _process(facts)
    if process and user:
        process["user"] = user
    if actor := {name: value for name, value in (("process", process), ("user", user)) if value}:
        evidence["actor"] = actor
    if process:
        evidence["process"] = process
    if container := _container(facts):
        evidence["container"] = container
    if path := facts.get("file.path"):
        evidence["file"] = {"name": PurePosixPath(str(path)).name or "/", "path": path, "type_id": 0}
    if "source.ip" in facts:
        evidence["src_endpoint"] = _picked(facts, {"ip": "source.ip", "port": "source.port"})
    if "destination.ip" in facts:
        evidence["dst_endpoint"] = _picked(facts, {"ip": "destination.ip", "port": "destination.port"})
    if not process and "action" in facts:
        evidence["api"] = {"operation": facts["action"], "service": {"name": alert.source}}
    return evidence


def _process(facts: Mapping[str, object]) -> dict[str, object]:
    """Return the process; an empty object if it is not known which it is."""
    if "process.pid" not in facts:
        return {}
    process = _picked(
        facts,
        {
            "pid": "process.pid",
            "name": "process.name",
            "path": "process.path",
            "cmd_line": "process.command",
            "working_directory": "process.folder",
            "tid": "process.thread",
        },
    )
    if "parent.pid" in facts:
        names = {"pid": "parent.pid", "name": "parent.name", "path": "parent.path", "cmd_line": "parent.command"}
        process["parent_process"] = _picked(facts, names)
    return process


def _container(facts: Mapping[str, object]) -> dict[str, object]:
    container = _picked(facts, {"uid": "container.id", "name": "container.name"})
    if container and "image.id" in facts:
        container["image"] = _picked(facts, {"uid": "image.id", "name": "image.name", "tag": "image.tag"})
    return container


def _picked(facts: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
    return {name: facts[fact] for name, fact in names.items() if fact in facts}


_encode = msgspec.json.Encoder(order="deterministic").encode
