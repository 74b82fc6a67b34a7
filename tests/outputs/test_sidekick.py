"""falcosidekick takes our JSON: its input structure (types.FalcoPayload, Check, newFalcoPayload), field by field."""

import json
import re
from datetime import UTC, datetime

import msgspec
import pytest

from falcohost.alert import Priority
from falcohost.engine.alerts import JsonOptions, encode_json
from falcohost.testing.outputs import alert

#: What Go's encoding/json decodes into each field, and whether Check() refuses the payload without it.
PAYLOAD = {
    "uuid": (str, False),
    "output": (str, False),
    "priority": (str, True),
    "rule": (str, True),
    "time": (str, True),
    "output_fields": (dict, True),
    "source": (str, False),
    "tags": (list, False),
    "hostname": (str, False),
}

#: Names of priorities, in any case.
PRIORITIES = {"emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"}

#: What time.Time of Go reads: RFC 3339, with any number of digits behind the second.
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?Z")

#: Fields whose values it takes for texts without looking.
TEXTS = ("k8s.ns.name", "k8s.pod.name")


def check(line):
    """Assert that falcosidekick accepts a line."""
    found = json.loads(line)
    for name, (kind, needed) in PAYLOAD.items():
        if name in found:
            assert isinstance(found[name], kind), name
        assert not needed or found.get(name), name
    assert found["priority"].lower() in PRIORITIES
    seconds = TIME.fullmatch(found["time"])[1]
    datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    assert all(isinstance(tag, str) for tag in found.get("tags", ()))
    assert all(isinstance(found["output_fields"].get(name, ""), str | None) for name in TEXTS)


@pytest.mark.parametrize("priority", Priority)
@pytest.mark.parametrize("options", [JsonOptions(), JsonOptions(output=False, tags=False, with_id=True, subjects=True)])
def test_alerts(priority, options):
    """Alerts of every priority are accepted, with the keys of Falco and with ours."""
    fields = {"evt.time": 1, "k8s.ns.name": None, "k8s.pod.name": "web", "proc.aname[2]": None, "big": 2**64 - 1}
    one = msgspec.structs.replace(alert("a"), priority=priority, fields=fields, tags=("b", "a"), hostname="h")

    check(encode_json(one, options))


def test_an_alert_without_fields():
    """What has no fields at all, as a subscriber's alert may, has one in JSON, since falcosidekick refuses it else."""
    check(encode_json(msgspec.structs.replace(alert("a"), fields={}), JsonOptions()))
