"""``falcohost rules attack``: which techniques of ATT&CK the rules cover."""

import json

import pytest

RULES = """\
- rule: Shell
  desc: d
  condition: evt.type = execve and proc.name = sh
  output: o
  priority: INFO
  tags: [T1059.004]
- rule: Off
  desc: d
  condition: evt.type = execve and proc.name = python
  output: o
  priority: INFO
  tags: [T1059.006]
  enabled: false
- rule: Old
  desc: d
  condition: evt.type = execve and proc.name = perl
  output: o
  priority: INFO
  tags: [T9999]
"""


@pytest.fixture
def attack(falcohost, tmp_path):
    """Return a function that asks for what RULES cover."""
    (tmp_path / "rules.yaml").write_text(RULES)

    def attack(*arguments, status=0):
        done = falcohost("rules", "attack", "rules.yaml", *arguments, COLUMNS="100")
        assert status == done.returncode, done.stderr
        return done.stderr if status else done.stdout

    return attack


def test_text(attack):
    """By tactic the techniques with their rules are shown, then gaps, then what the sources do not show."""
    text = attack()

    assert "\nExecution: 2 of " in text
    assert "\n    1  T1059.004 Unix Shell Shell\n" in text
    assert "\n    0  T1059 Command and Scripting Interpreter 1 for its parts\n" in text
    assert "T1059.006 Python" in text[text.index("no rule: ", text.index("\nExecution")) :]
    assert "it is in the content of network traffic, which is not read\n" in text
    assert "T1071" not in text
    assert "ATT&CK 18 has no T9999, the tag of Old\n" in text
    assert "2 of " in text.splitlines()[-1]


def test_full(attack):
    """In full, the techniques that are not shown are named."""
    assert "T1071.004 DNS" in attack("--full")


def test_json(attack):
    """As JSON, each technique has its rules, or why it is not shown."""
    found = json.loads(attack("--json"))
    techniques = {one["technique"]: one for one in found["techniques"]}

    assert ["Containers", "Linux"] == found["platforms"]
    assert ["Shell"] == techniques["T1059.004"]["rules"]
    assert [] == techniques["T1059.006"]["rules"]
    assert techniques["T1071"]["not_shown_because"]
    assert techniques["T1059.006"]["not_shown_because"] is None
    assert ["Off"] == {one["technique"]: one for one in json.loads(attack("--json", "--disabled"))["techniques"]}[
        "T1059.006"
    ]["rules"]


def test_layer(attack, tmp_path):
    """The layer is written, and where it is, is said."""
    text = attack("--layer", "layer.json")

    assert "The layer is in layer.json." in text
    assert "4.5" == json.loads((tmp_path / "layer.json").read_text())["versions"]["layer"]


def test_layer_cannot_be_written(attack):
    """If the layer cannot be written, that is an error."""
    assert "Error: --layer: none/layer.json cannot be written: No such file or directory\n" == attack(
        "--layer", "none/layer.json", status=1
    )


def test_shipped_rules(falcohost):
    """The tags of the rules that come with falcohost are techniques of this version of ATT&CK."""
    found = json.loads(falcohost("rules", "attack", "--disabled", "--json").stdout)

    assert {} == found["unknown_tags"]
    assert [] == found["rules_without_technique"]
