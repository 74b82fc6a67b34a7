"""What is said of rules wherever they are read: that one can never fire, and that one costs much."""

import pytest

RULES = """
- rule: Network of a container
  desc: d
  condition: evt.type = connect and container.cni.json contains eth0
  output: o
  priority: INFO
- rule: Workload
  desc: d
  condition: evt.type = connect and k8s.deployment.name = web
  output: o
  priority: INFO
- rule: Switches
  desc: d
  condition: evt.type in (switch, open) and proc.name = bash
  output: o
  priority: INFO
- rule: Any type
  desc: d
  condition: proc.name = bash
  output: o
  priority: INFO
"""

CONFIG = """
rules_files: [rules.yaml]
falcohost: {state_dir: state}
"""
NEVER = "{} is absent in every event"
COSTS = "switch occurs many thousand times a second, and each time a filter is run for it"
#: A capture may tell of networks of containers.
CAPTURE = ("-o", "engine.kind=replay", "-o", "engine.replay.capture_file=x.scap")
NETWORK, WORKLOAD = NEVER.format("container.cni.json"), NEVER.format("k8s.deployment.name")


@pytest.fixture
def said(falcohost, tmp_path):
    """Return a function that runs a command on RULES and returns what it says."""
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "falco.yaml").write_text(CONFIG)

    def said(*arguments):
        done = falcohost("-c", "falco.yaml", *arguments, COLUMNS="200")
        return done.stdout + done.stderr

    return said


@pytest.mark.parametrize("command", [("--dry-run",), ("-V", "rules.yaml"), ("rules", "stats", "rules.yaml")])
def test_it_is_said(said, command):
    """Each command says of each rule what is to be said, once, and nothing of the others."""
    found = said(*command)

    assert [1, 1] == [found.count(NETWORK), found.count(COSTS)]
    assert "Any type: " not in found
    assert 0 == said(*CAPTURE, *command).count(NETWORK)


def test_what_a_lookup_fills(said):
    """A field that is filled where a lookup is configured is absent only without."""
    other = ("-o", "plugins[]={'name': 'k8smeta'}", "-o", "load_plugins[]=k8smeta")

    assert 1 == said("--dry-run").count(WORKLOAD)
    assert 0 == said(*other, "--dry-run").count(WORKLOAD)
