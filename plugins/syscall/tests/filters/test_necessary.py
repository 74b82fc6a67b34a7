"""From rules to conditions over the kernel's facts: what is exact, what is weaker, what is one test."""

from __future__ import annotations

from itertools import pairwise

import pytest
from random_events import CATALOG

from falcohost.engine.catalog import Catalog
from falcohost.engine.code.specialise import specialise
from falcohost.engine.typecheck import check
from falcohost.events import Plan
from falcohost.fields import Field, FieldType
from falcohost.lang.parser import parse
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.facts import descriptors
from falcohost_syscall.facts.header import RET
from falcohost_syscall.filters.condition import FALSE, TRUE, Any, Condition, Literal, Text, Within, literals, within
from falcohost_syscall.filters.weaken import SEARCHES, SEARCHES_UNROLLED, forms
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.decide import decide
from falcohost_syscall.pushdown.necessary import necessary
from falcohost_syscall.pushdown.plan import conditions

USERS = Users()


def of(text: str, event_type: str = "openat") -> Condition:
    """Return what is necessary for the condition *text* in events of a type."""
    expr = specialise(check(parse(text), CATALOG).expr, event_type)
    return necessary(expr, decide(BY_NAME[event_type], USERS))


@pytest.mark.parametrize(
    "text",
    [
        "proc.cwd = cat",
        "not proc.cwd = cat",
        "fd.name = /etc/shadow or proc.cwd = cat",
        "not (fd.name = /etc/shadow and proc.cwd = cat)",
        "fd.name regex '.*[a-z]+'",
        "tolower(fd.name) = /etc/shadow",
        "fd.name = val(proc.exepath)",
        "fd.name contains '\\\\x'",
    ],
)
def test_what_the_kernel_cannot_tell_is_true(text):
    """Whatever the kernel knows nothing of is true, negated or not."""
    assert TRUE == of(text)


def test_what_another_plugin_tells_is_true():
    """Of a field that a lookup brings, by whatever name, the kernel knows nothing."""
    lookup = Field(name="fd.name", type=FieldType.CHARBUF, description="A lookup's.", get=lambda _, __: None)
    expr = check(parse("fd.name = /etc/shadow or not fd.name = x"), Catalog("syscall", [lookup])).expr

    assert TRUE == necessary(expr, decide(BY_NAME["openat"], USERS))


@pytest.mark.parametrize(
    "text", ["evt.type = open", "evt.is_io = true", "fd.num < 0 and fd.num > 3", "evt.res = ENOENT and evt.rawres = 0"]
)
def test_what_no_event_of_the_type_can_be_is_false(text):
    """A condition that contradicts the type or itself is false."""
    assert FALSE == of(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("fd.name = /etc/shadow and proc.cwd = cat", "fd.name = /etc/shadow"),
        ("not (fd.name = /etc/shadow or proc.cwd = cat)", "not fd.name = /etc/shadow"),
        ("container.id = 0123456789ab", "container.id != host"),
        ("fd.name = /a or fd.name in (/b, /c)", "fd.name in (/a, /b, /c)"),
        ("not fd.name = /a and not fd.name = /b", "not fd.name in (/a, /b)"),
        ("fd.name glob '/home/*'", "fd.name startswith /home/"),
        ("evt.failed = true", "evt.rawres < 0"),
        ("evt.arg.flags contains O_TRUNC or evt.arg.flags contains TRUNC", "evt.arg.flags contains O_TRUNC"),
        ("fd.name regex '/home/[a-z]+/secret.*'", "fd.name startswith /home/ and fd.name contains /secret"),
        ("fd.name regex '/etc/.*'", "fd.name startswith /etc/"),
        (
            "fd.name glob '/a/*' and fd.name contains b or fd.name glob '/a/*' and fd.name contains c",
            "fd.name startswith /a/ and (fd.name contains b or fd.name contains c)",
        ),
        ("fd.name iglob '*/Secret/*'", "fd.name icontains /secret/"),
        ("fd.name pmatch (/etc)", "fd.name = /etc or fd.name startswith /etc/"),
        ("fd.name startswith anyof (/a, /b)", "fd.name startswith /a or fd.name startswith /b"),
        ("fd.name contains allof (/a, /b)", "fd.name contains /a and fd.name contains /b"),
        ("fd.name intersects (/a, /b)", "fd.name in (/a, /b)"),
        ("fd.name = /a and not container.image.repository endswith /b", "fd.name = /a"),
        ("fd.name = /a and not k8s.ns.name = kube-system", "fd.name = /a"),
        ("container.image.repository = '' and k8s.pod.name exists", "user.uid < 0"),
        ("container.name = host", "container.id = host"),
        ("user.name = root", "user.uid = 0"),
        ("not user.name = root", "not user.uid = 0"),
        ("group.name startswith 'no such '", "not group.gid = 0 and not container.id = host"),
        ("user.shell = /bin/none", "not container.id = host"),
        ("user.loginname = 'no such'", "user.uid < 0"),
        ("evt.is_open_read = true or (evt.is_open_read = true and fd.name = /a)", "evt.is_open_read = true"),
    ],
)
def test_same(text, same):
    """Two ways to say it come down to one condition."""
    assert _unordered(of(same)) == _unordered(of(text))


@pytest.mark.parametrize(
    ("event_type", "necessary_condition"),
    [
        ("sendto", descriptors.SENDS["sendto"]),
        ("sendmsg", descriptors.SENDS["sendmsg"]),
        ("accept4", TRUE),
        ("read", FALSE),
    ],
)
def test_only_what_passes_an_address_changes_a_name(event_type, necessary_condition):
    """Of sends those without an address leave the socket's name as it was; of other calls only some change it."""
    assert necessary_condition == of("fd.name_changed = true", event_type)


@pytest.mark.parametrize(
    ("event_type", "text", "same"),
    [
        ("setuid", "evt.arg.uid = root", "evt.rawarg.uid = 0"),
        ("setresuid", "not evt.arg.euid in (0, root)", "evt.arg.euid != root"),
        ("listen", "fd.sport = 53 and fd.net = 10.0.0.0/8", "fd.lport = 53 and fd.lnet = 10.0.0.0/8"),
        ("listen", "fd.cport = 53 or fd.rip = 10.0.0.1", "evt.rawres < 0 and evt.rawres > 0"),
        ("unlinkat", "fd.name startswith /a", "not evt.rawarg.dirfd = -100"),
        ("socket", "evt.arg.type in (3, 2051, 03, raw, '')", "evt.rawarg.type in (3, 2051)"),
        ("socket", "evt.arg[3] = -1", "evt.rawres < 0 and evt.rawres > 0"),
        ("socket", "evt.arg.proto != 6", "not evt.rawarg.proto = 6"),
        ("listen", "evt.arg.backlog = -1", "evt.rawarg.backlog = -1"),
        ("socket", "evt.arg.type startswith 3 and evt.rawres < 0", "evt.rawres < 0"),
        ("mkdirat", "evt.rawarg.dirfd = -1", "evt.rawarg.dirfd < 0 and evt.rawarg.dirfd in (3, -1)"),
    ],
)
def test_same_in_other_calls(event_type, text, same):
    """Two ways to say it of a call come down to one condition."""
    assert of(same, event_type) == of(text, event_type)


@pytest.mark.parametrize("name", descriptors.SENDS)
def test_sends_to_an_address_are_seen_for_later_ones(name):
    """Where rules ask whether a name changed, sends to an address that went tell later ones: they pass, no others."""
    expr = check(parse("fd.name_changed = true and proc.name = nobody"), CATALOG).expr
    plan = Plan("syscall", frozenset({name}), frozenset({"fd.name_changed", "proc.name"}), condition=expr)
    to_address = descriptors.SENDS[name]
    found = conditions(plan, USERS)[name]
    (alternatives,) = {*_parts(found)} - {to_address}

    assert to_address in _parts(found)
    assert isinstance(alternatives, Any)
    assert within(RET, (0, RET.highest)) in alternatives.items


def test_many_rules_are_one_test():
    """A thousand rules that differ in their names ask once how the file was opened, and once for its name."""
    rules = (f"(evt.is_open_read = true and fd.name = /srv/{n} and proc.cwd = x{n})" for n in range(1000))
    tests = [literal.test for literal in literals(of(" or ".join(rules)))]

    assert [Within, Text] == [type(test) for test in tests]
    assert 1000 == len(tests[1].constants)


def test_forms_end_in_true():
    """Every weaker form is implied by the one before, and the last asks nothing."""
    condition = of("fd.name contains secret and not fd.name endswith .log and evt.is_open_read = true")
    found = list(forms(condition))

    assert condition == found[0]
    assert TRUE == found[-1]
    for stronger, weaker in pairwise(found):
        assert set(_parts(weaker)) < set(_parts(stronger))


@pytest.mark.parametrize(("loops", "expected"), [(True, SEARCHES), (False, SEARCHES_UNROLLED)])
def test_of_many_searches_some_are_made(loops, expected):
    """Of more searches than are worth the verifier's time, as many as are worth it are left; the others are true."""
    texts = [f"(evt.arg.name contains a{n} and evt.rawres = {n})" for n in range(100)]
    full = next(forms(of(" or ".join(texts)), loops=loops))
    found = [literal.test for literal in literals(full) if isinstance(literal.test, Text)]

    assert expected == len(found)
    assert expected + 1 == len(_parts(full))


def _parts(condition: Condition) -> tuple[Condition, ...]:
    return (condition,) if isinstance(condition, Literal) else condition.items


def _unordered(condition: Condition) -> object:
    if isinstance(condition, Literal):
        return condition
    return type(condition), frozenset(map(_unordered, condition.items))
