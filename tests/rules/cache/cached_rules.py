"""Rules that the tests of the cache keep in it, and what they come to."""

import msgspec

from falcohost.engine.catalog import Catalog
from falcohost.engine.codec.encode import ruleset_row
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.rules.append_output import AppendOutput
from falcohost.rules.loader import LoadOptions
from falcohost.rules.people import problem_for_people
from falcohost.rules.places import RulesFile
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.fields.rows import FIELDS

VERSIONS = ("1.0", "syscall 1.0")
PLUGINS = {
    "container": "0.7.1",
    "cloudtrail": "0.99.0",
    "json": "0.99.0",
    "k8saudit": "0.99.0",
    "okta": "0.99.0",
    "github": "0.99.0",
}
OPTIONS = LoadOptions(
    event_types={"syscall": frozenset(BY_NAME)},
    plugins=PLUGINS,
    append_output=(
        AppendOutput(suggested=True),
        AppendOutput(source="syscall", extra_fields=(("pid", "%proc.pid"), ("proc.name", None))),
    ),
)
SYSCALL = Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))
CATALOGS = {"syscall": SYSCALL}
SEED = """
- list: shells
  items: [bash, "my sh", 5]
- list: nobody_uses_me
  items: [a]
- macro: opened
  condition: evt.type=open and proc.name in (shells)
- rule: r
  desc: >
    folded
    text
  condition: |
    opened and not proc.name startswith oneof (a, "b c") # comment
    or fd.sip = 10.0.0.1 or fd.name regex "a\\\\d" or evt.dir = < or proc.args contains proc.name
  output: "%evt.num %toupper(proc.name) %5proc.aname[2]"
  priority: INFO
  tags: [a, b]
  exceptions:
    - name: e
      fields: [fd.num, proc.name]
      comps: [=, in]
      values: [[1, [a, b]]]
  unknown: key
- rule: any
  desc: d
  condition: proc.name exists
  output: o
  priority: DEBUG
- rule: elsewhere
  desc: d
  condition: x.y exists
  output: o
  priority: DEBUG
  source: nowhere
"""


def seed(text=SEED, name="rules.yaml"):
    """Return *text* as the only file."""
    return [RulesFile(name, text)]


def assert_same(expected, found):
    """Compare what loading came to: rules, warnings and what is said of them, down to how a field was written."""
    assert expected.ruleset == found.ruleset
    assert msgspec.msgpack.encode(ruleset_row(expected.ruleset)) == msgspec.msgpack.encode(ruleset_row(found.ruleset))
    assert expected.results == found.results
    assert expected.unmet is found.unmet is None
    for before, after in zip(expected.results, found.results, strict=True):
        assert [*map(problem_for_people, before.warnings)] == [*map(problem_for_people, after.warnings)]
