"""``falcohost rules diff``: which rules mean something else than before."""

import json

import pytest

OLD = """\
- list: shells
  items: [bash, sh, zsh]
- macro: opens
  condition: evt.type in (open, openat)
- rule: A
  desc: d
  condition: opens and (proc.name in (shells) or fd.name = /x) and not proc.pname = cron
  output: "A %proc.name"
  priority: INFO
- rule: B
  desc: d
  condition: opens and proc.name = a
  output: "B %proc.name"
  priority: INFO
  tags: [x]
- rule: C
  desc: d
  condition: opens and proc.name = c
  exceptions:
    - name: e
      fields: [proc.name, fd.name]
      values: [[a, b], [c, d]]
  output: "C %proc.name"
  priority: INFO
- rule: Gone
  desc: d
  condition: evt.type = close
  output: "Gone %proc.name"
  priority: INFO
"""

NEW = """\
# The list is written out, the macro is gone, and what is not is said otherwise.
- rule: A
  desc: Another text.
  condition: >
    not (proc.pname = cron or (not (proc.name = zsh or proc.name in (sh, bash)) and not fd.name = /x))
    and evt.type in (openat, open)
  output: A   %proc.name
  priority: INFO
- rule: B
  desc: d
  condition: evt.type in (open, openat) and proc.name in (a, b)
  output: "B %proc.name by %proc.pname"
  priority: INFO
  tags: [y]
- rule: C
  desc: d
  condition: (evt.type = openat or evt.type = open) and proc.name = c
  exceptions:
    - name: e
      fields: [proc.name, fd.name]
      values: [[c, d], [a, b], [e, f]]
  output: "C %proc.name"
  priority: WARNING
  enabled: false
- rule: New
  desc: d
  condition: evt.type = close
  output: "New %proc.name"
  priority: INFO
"""


@pytest.fixture
def diff(falcohost, tmp_path):
    """Return a function that compares two texts and returns what is printed, or the messages if the status is 2."""

    def diff(old, new, *arguments, status=1):
        (tmp_path / "old.yaml").write_text(old)
        (tmp_path / "new.yaml").write_text(new)
        done = falcohost("rules", "diff", "old.yaml", "new.yaml", *arguments, COLUMNS="100")
        assert status == done.returncode, done.stderr + done.stdout
        return done.stderr if status == 2 else done.stdout

    return diff


def test_text(diff):
    """What has changed of each rule is told, and what is only written otherwise is not."""
    assert diff(OLD, NEW) == (
        """\
~ B  new.yaml:9
    condition: it matches more events
      + proc.name = b
    output
      + proc.pname
    tags
      + y
      - x
~ C  new.yaml:15
    condition: it matches fewer events
      + not proc.name = e
      + not fd.name = f
    exceptions
      + e: [e, f]
    enabled: it is disabled now
    priority: Informational → Warning
+ New  new.yaml:25
- Gone  old.yaml:25
Rules: 1 added, 1 removed, 2 changed.
"""
    )


def test_json(diff):
    """As JSON, each change has its parts."""
    found = json.loads(diff(OLD, NEW, "--json"))

    assert [("changed", "B"), ("changed", "C"), ("added", "New"), ("removed", "Gone")] == [
        (one["kind"], one["rule"]) for one in found
    ]
    assert {"part": "condition", "told": "it matches more events", "added": ["proc.name = b"], "removed": []} == found[
        0
    ]["parts"][0]


def test_nothing(diff):
    """If nothing has changed, that is said, and the exit status is 0."""
    assert "No rule means anything else.\n" == diff(OLD, OLD.replace("[bash, sh, zsh]", "[zsh, bash, sh]"), status=0)


def test_order(diff):
    """That rules which may match the same events have changed places is told, unless all of them are reported."""
    head, *rules = OLD.split("- rule: ")
    swapped = "- rule: ".join((head, rules[1], rules[0], rules[2], rules[3]))
    later = "- rule: ".join((head, rules[3], rules[0], rules[1], rules[2]))

    (moved,) = json.loads(diff(OLD, swapped, "--json"))
    assert ("moved", True) == (moved["kind"], moved["rule"] in ("A", "B"))
    assert "No rule means anything else.\n" == diff(OLD, later, status=0)


def test_shared(diff, tmp_path):
    """Macros that both use can come from a file of their own."""
    (tmp_path / "shared.yaml").write_text("- macro: opens\n  condition: evt.type in (open, openat)\n")
    old = OLD.replace("- macro: opens\n  condition: evt.type in (open, openat)\n", "")

    assert "No rule means anything else.\n" == diff(old, OLD, "--with", "shared.yaml", status=0)


def test_error(diff):
    """Rules that cannot be loaded are neither equal nor different: the exit status is 2."""
    assert "new.yaml: Invalid, 1 error" in diff(OLD, OLD.replace("fd.name = /x", "fd.nmae = /x"), status=2)


def test_public_rules(falcohost, corpus):
    """The public rules mean what they mean."""
    done = falcohost("rules", "diff", str(corpus / "rules"), str(corpus / "rules"))

    assert (0, "No rule means anything else.\n") == (done.returncode, done.stdout)
