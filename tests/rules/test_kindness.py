"""Where falcohost accepts what Falco refuses, or sees what Falco does not: accepted, with a warning that says so."""

import pytest

from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.lang.printer import to_text
from falcohost.rules.loader import load_rules
from falcohost.rules.places import RulesFile
from falcohost_syscall.fields.rows import FIELDS

CATALOGS = {"syscall": Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))}


def _loaded(condition, output="o"):
    lines = "".join(f"\n    {line}" for line in condition.splitlines())
    text = f"- rule: r\n  desc: d\n  condition: >{lines}\n  output: '{output}'\n  priority: INFO\n"
    outcome = load_rules([RulesFile("rules.yaml", text)], CATALOGS)
    (result,) = outcome.results
    assert result.ok, result.errors
    (rule,) = outcome.compiled.rules
    return to_text(rule.tree), [problem.message for problem in result.warnings]


@pytest.mark.parametrize(
    ("condition", "meant", "warning"),
    [
        (
            'evt.type=connect and not fd.rip startswith "10."',
            "(evt.type = connect and not fd.rip startswith 10.)",
            "'startswith' compares the text of an address, which falcohost accepts and Falco refuses",
        ),
        (
            'evt.type=execve and proc.cmdline regex "base64\\\\s+-d"',
            '(evt.type = execve and proc.cmdline regex "base64\\\\s+-d")',
            "regex 'base64\\s+-d' has a Perl class, which falcohost accepts and Falco refuses",
        ),
    ],
)
def test_accepted_with_a_warning(condition, meant, warning):
    """Text operators on addresses and Perl's classes in a regex are taken; the warning says what Falco does."""
    assert (meant, [warning]) == _loaded(condition)


def test_comments_in_block_scalars():
    """A ``#`` behind a blank begins a comment up to the end of the file's line; in quotes and words it does not."""
    condition = """evt.type=open and # what is opened
# a whole line; it's fine
fd.name="a # b" and proc.name=a#b   # the end
and fd.num > 3"""

    assert ('(evt.type = open and fd.name = "a # b" and proc.name = a#b and fd.num > 3)', []) == _loaded(condition)


def test_enter_events_never_come():
    """A condition that needs an enter event is told that it can never hold, and that the field is deprecated."""
    _, (deprecated, never) = _loaded("evt.type=open and evt.dir = >")

    assert "always evaluates to true" in deprecated
    assert never == "the condition needs 'evt.dir = >', which is never true: events are sent when calls return"


@pytest.mark.parametrize("port", ["443", "https", '"https"', '"443"'])
def test_ports_by_number_and_name(port):
    """A port is compared with its number or with the name of the service, in quotes or not."""
    assert [] == _loaded(f"evt.type=connect and fd.sport = {port}")[1]


@pytest.mark.parametrize("name", ["proc.tid", "user.gid", "user.group", "k8s.node.name", "container.full_id"])
def test_names_of_the_description(name):
    """Names that the description of the system has, and Falco has not, are fields too."""
    assert [] == _loaded(f"evt.type=open and {name} exists", f"%{name}")[1]
