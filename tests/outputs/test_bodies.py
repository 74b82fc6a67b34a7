"""Lines from alerts' bytes: the same as from the alerts."""

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from falcohost.alert import Alert, Priority, RuleMetadata
from falcohost.engine.alerts import INTERNAL, JsonOptions
from falcohost.outputs.bodies import BodyLines
from falcohost.outputs.lines import ConfiguredFormat
from falcohost.store.body import decode, encode
from falcohost.store.metadata import by_key
from falcohost.subject import UserSubject
from falcohost.testing.outputs import alert

METADATA = RuleMetadata(description="d")
GOOD = encode(alert("a"))
KNOWN = by_key([METADATA, RuleMetadata()])
OPTIONS = {name: st.booleans() for name in JsonOptions.__struct_fields__}

texts = st.one_of(st.text(max_size=9), st.sampled_from(["\x7f", "\u202e", "\u2028", "a\nb", '"', "\\", "ü", "\ud7ff"]))
numbers = st.integers(-(1 << 63), (1 << 63) - 1)
values = st.one_of(texts, numbers, st.floats(), st.booleans(), st.none(), st.lists(texts, max_size=2))
alerts = st.builds(
    Alert,
    id=texts,
    rule=texts,
    priority=st.sampled_from(Priority),
    source=st.sampled_from(["test", INTERNAL, "ü"]),
    time=st.one_of(numbers, st.integers(0, 4_000_000_000_000_000_000)),
    message=texts,
    output=texts,
    fields=st.dictionaries(texts, values, max_size=3),
    tags=st.lists(texts, max_size=3).map(tuple),
    hostname=texts,
    subjects=st.sampled_from([(), (UserSubject("kind", "name"),)]),
    metadata=st.sampled_from([METADATA, RuleMetadata()]),
    depth=st.sampled_from([0, 1]),
    read=st.sampled_from([b"", msgspec.msgpack.encode({"a": "b"})]),
)


@given(st.lists(st.tuples(alerts, st.booleans()), max_size=4), st.one_of(st.none(), st.builds(JsonOptions, **OPTIONS)))
@example([(alert("a"), True)], JsonOptions())
@example([(alert("a"), True)], None)
def test_lines_are_the_same(some, options):
    """Whatever has a line of its own has the same one as the alert itself; what surely has one are alerts of rules."""
    found = [
        msgspec.structs.replace(one, output=f"{one.output}: {one.message}") if usual else one for one, usual in some
    ]
    bodies = [encode(one) for one in found]
    form = ConfiguredFormat(options)
    lines = form.of_bodies.lines(bodies)
    shows_more = options is not None and (options.subjects or options.condition_fields)

    assert len(bodies) == len(lines)
    for (one, usual), body, line in zip(some, bodies, lines, strict=True):
        assert line in (None, form.line(decode(body, KNOWN)))
        if usual and not shows_more and (options is None or one.source != INTERNAL):
            assert line is not None


@pytest.mark.parametrize(
    "body", [b"", b"\xc0", b"\xc1" * 40, encode(alert("a"))[:-9], encode(alert("a"))[:13] + b"\x80"]
)
@pytest.mark.parametrize("options", [None, JsonOptions()])
def test_what_is_no_alert_has_no_line(body, options):
    """What cannot be decoded has no line, and others beside it have theirs."""
    before, none, after = BodyLines(options).lines([GOOD, body, GOOD])

    assert none is None
    assert before is not None
    assert before == after
