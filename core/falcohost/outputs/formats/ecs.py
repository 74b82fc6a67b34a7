"""Alerts in the Elastic Common Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from falcohost.alert import Alert
from falcohost.engine.texts import escaped_json
from falcohost.engine.times import rfc3339
from falcohost.outputs.formats.facts import facts_of_alert, nested, techniques_of

VERSION: Final = "9.4.0"

#: Its name of each fact.
_NAMES: Final[Mapping[str, str]] = {
    "action": "event.action",
    "process.name": "process.name",
    "process.pid": "process.pid",
    "process.path": "process.executable",
    "process.command": "process.command_line",
    "process.folder": "process.working_directory",
    "process.thread": "process.thread.id",
    "parent.name": "process.parent.name",
    "parent.pid": "process.parent.pid",
    "parent.path": "process.parent.executable",
    "parent.command": "process.parent.command_line",
    "user.name": "user.name",
    "user.id": "user.id",
    "group.name": "group.name",
    "group.id": "group.id",
    "container.id": "container.id",
    "container.name": "container.name",
    "container.privileged": "container.security_context.privileged",
    "image.name": "container.image.name",
    "resource.namespace": "orchestrator.namespace",
    "resource.name": "orchestrator.resource.name",
    "resource.type": "orchestrator.resource.type",
    "file.path": "file.path",
    "source.ip": "source.ip",
    "source.port": "source.port",
    "destination.ip": "destination.ip",
    "destination.port": "destination.port",
    "transport": "network.transport",
    "client": "user_agent.original",
    "account.id": "cloud.account.id",
    "region": "cloud.region",
}


class Ecs:
    """Formats alerts with ECS's names; all output fields are kept besides, in ``falcohost.output_fields``."""

    json = True

    def line(self, alert: Alert) -> bytes:
        """Return *alert* as a line of JSON, in UTF-8, without its end."""
        facts = facts_of_alert(alert)
        values: dict[str, object] = {
            "@timestamp": rfc3339(alert.time),
            "message": alert.message,
            "tags": list(alert.tags),
            "ecs.version": VERSION,
            "event.kind": "alert",
            "event.category": ["intrusion_detection"],
            "event.type": ["info"],
            "event.id": alert.id,
            "event.module": "falcohost",
            "event.dataset": f"falcohost.{alert.source}",
            "event.provider": alert.source,
            "event.severity": int(alert.priority),
            "log.level": alert.priority.label.lower(),
            "rule.name": alert.rule,
            "host.name": alert.hostname,
            "host.hostname": alert.hostname,
            "falcohost.count": alert.count,
            "falcohost.output": alert.output,
            # With dots, the names would be objects, and some are values as well: fd.sip, fd.sip.name.
            "falcohost.output_fields": {name.replace(".", "_"): value for name, value in alert.fields.items()},
        }
        if alert.metadata.description:
            values["rule.description"] = alert.metadata.description
        values |= {_NAMES[name]: value for name, value in facts.items() if name in _NAMES}
        if "image.tag" in facts:
            values["container.image.tag"] = [facts["image.tag"]]
        if "resource.name" in facts:
            values["orchestrator.type"] = "kubernetes"
        if "account.id" in facts:
            values["cloud.provider"] = "aws"
        if techniques := techniques_of(alert):
            values["threat.framework"] = "MITRE ATT&CK"
            values["threat.technique.id"] = [name.partition(".")[0] for name in techniques]
        return escaped_json(_encode(nested(values)))


def make() -> Ecs:
    """Return the form."""
    return Ecs()


_encode = msgspec.json.Encoder(order="deterministic").encode
