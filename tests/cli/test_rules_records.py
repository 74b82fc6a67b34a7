"""``falcohost rules explain`` and ``rules stats`` of records, as the source that reads them has them."""

import json
import socket

import pytest


def test_records(falcohost, tmp_path):
    """For a source that reads a log in JSON, its own records are events, alone or in a list."""
    rule = "- {rule: r, desc: d, condition: ka.verb = get and ka.user.name exists, output: o, priority: INFO"
    (tmp_path / "rules.yaml").write_text(f"{rule}, source: k8s_audit}}")
    record = {"kind": "Event", "verb": "get", "user": {}, "stageTimestamp": "2024-01-01T00:00:00Z"}
    (tmp_path / "event.json").write_text(json.dumps({"kind": "EventList", "items": [record]}, indent=2))
    (tmp_path / "two.json").write_text(json.dumps(record) + "\n" + json.dumps(record) + "\n")
    one = falcohost("rules", "explain", "rules.yaml", "--rule", "r", "--event", "event.json")
    two = falcohost("rules", "explain", "rules.yaml", "--rule", "r", "--event", "two.json")

    assert one.stdout.endswith("It does not fire, because\n  ka.user.name exists is false [ka.user.name: absent]\n")
    assert two.stderr.startswith("Error: two.json: found 2 events instead of one.")


@pytest.fixture
def taken():
    """Return the address of a port on which somebody listens already."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.mark.parametrize("setting", ["program", "follow", "listen"])
@pytest.mark.parametrize("command", [("explain", "--rule", "r", "--event"), ("stats", "--events")])
def test_records_of_a_source_that_is_configured(program, tmp_path, taken, setting, command):
    """Only the record given is decoded: the program is not run, no file is followed, nothing listens."""
    (tmp_path / "log").write_text("")
    source = {
        "program": {"program": ["touch", str(tmp_path / "ran")], "restart": "always"},
        "follow": {"open_params": str(tmp_path / "log"), "follow": True},
        "listen": {"open_params": taken},
    }[setting]
    config = {"plugins": [{"name": "json", "init_config": {"sources": [{"name": "orders", **source}]}}]}
    (tmp_path / "falco.yaml").write_text(json.dumps(config))
    rule = "- {rule: r, desc: d, condition: 'json.value[/a] = 1', output: o, priority: INFO, source: orders}"
    (tmp_path / "rules.yaml").write_text(rule)
    (tmp_path / "event.json").write_text('{"a": 1}\n')
    (which, *options) = command
    done = program("-c", "falco.yaml", "rules", which, "rules.yaml", *options, "event.json", "--json")

    assert (0, "") == (done.returncode, done.stderr)
    found = json.loads(done.stdout)
    assert found[0]["event"]["fires"] is True if which == "explain" else found["events"]["sources"]["orders"]
    assert not (tmp_path / "ran").exists()
