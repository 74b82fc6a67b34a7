"""The values that a condition read are kept with the alert, and an alert that has them is explained without a gap."""

import gc
import ipaddress
import json
import weakref

import msgspec
import pytest
from world import CATALOG, TYPES, Happening, rule

from falcohost.engine.alerts import AlertMaker, JsonOptions, encode_json
from falcohost.engine.condition_values import (
    ANSWERED,
    LEFT_OUT,
    MOST_ABOUT,
    MOST_ALERTS,
    MOST_VALUE,
    MOST_VALUES,
    kept_values,
)
from falcohost.engine.explain.trace import LeftOut, trace
from falcohost.engine.explain.values import EventReader
from falcohost.store.admission import check_read
from falcohost.testing.clock import ManualClock


def kept(condition, output="nothing", event=None, **values):
    """Return the values that the alert of such a rule keeps."""
    event = event or Happening({name.replace("_", ".", 1): value for name, value in values.items()})
    return kept_values(AlertMaker("host").make(rule("R", condition, output), event).read)


def test_what_the_output_does_not_show_is_kept():
    """Values that are in the output fields are not kept twice; absent ones are kept as null."""
    assert {"n.port": 22, "s.path": None} == kept(
        "s.text = a and n.port < 1024 and not s.path exists", "%s.text", s_text="a", n_port=22
    )


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("s.text = abc", "abc"),
        ("n.int64 < 0", -1),
        ("n.uint64 > 0", (1 << 64) - 1),
        ("n.double > 0", 0.5),
        ("b.flag = true", True),
        ("buf.data contains a", b"bar"),
        ("ip.addr = 1.2.3.4", ipaddress.ip_address("1.2.3.4")),
        ("ip.net = 2001::/16", ipaddress.ip_address("2001::1")),
        ("l.texts intersects (a, b)", ("b", "c d")),
        ("l.ips intersects (1.2.3.4)", (ipaddress.ip_address("1.2.3.4"),)),
        ("any.name = 'a b'", ("x", "a b")),
        ("end.port = 22", (1, 22)),
        ("s.hidden = h", "h"),
        ("s.index[1] = x", "x"),
        ("tolower(s.text) = abc", "ABC"),
        ("s.text = val(s.text)", "x"),
        ("s.text = a or s.other = b or s.text = é", "é"),
    ],
)
@pytest.mark.parametrize("shown", [False, True])
def test_a_stored_alert_is_explained(condition, value, shown):
    """Values of every type come back as the condition read them, whether or not the output shows them too."""
    name = condition.removeprefix("tolower(").split()[0].rstrip(")")
    field, _, arg = name.rstrip("]").partition("[")
    event = Happening({(field, int(arg)) if arg else field: value})
    one = rule("R", condition, f"%{name}" if shown and field not in ("s.hidden", "end.port") else "nothing")

    line = encode_json(AlertMaker("host").make(one, event), JsonOptions(condition_fields=True))

    known = EventReader(CATALOG, TYPES).read(json.loads(line))
    assert trace(one.condition, known.value).answer is True


@pytest.mark.parametrize("odd", ["x" * (MOST_VALUE + 1), "bad \udcff", object(), ("\udcff",)])
def test_what_cannot_be_kept_is_left_out(odd):
    """A value that is too long, or cannot be stored, is left out; the others are kept, and the alert is made."""
    found = kept("s.text exists and n.port = 22", s_text=odd, n_port=22)

    assert 22 == found.pop("n.port")
    assert {"s.text": MOST_VALUE + 1 if isinstance(odd, str) and len(odd) > 99 else 0} == found.pop(LEFT_OUT)
    assert {ANSWERED[True]: ["s.text exists"]} == found


LONG = "x" * 30_000 + "needle" + "y" * 30_000


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ("s.text contains needle and n.port = 22", True),
        ("s.text contains nothing or n.port = 22", True),
        ("not s.text startswith y and n.port = 22", True),
        ("s.text = a", False),
        ("tolower(s.text) contains needle", True),
        ("s.text contains needle and s.other = a", False),
        (f"s.text in (a, {', '.join(f'constant{number}' for number in range(100))}) or s.text endswith y", True),
    ],
)
def test_what_a_condition_found_in_a_long_value_is_kept(condition, answer):
    """The value is too long for the store; what the checks said of it, and how long it was, are not."""
    one = rule("R", condition)
    event = Happening({"s.text": LONG, "n.port": 22})
    line = encode_json(AlertMaker("host").make(one, event), JsonOptions(condition_fields=True))
    known = EventReader(CATALOG, TYPES).read(json.loads(line))
    ref = CATALOG.resolve("s.text")

    assert len(line) < 2000
    assert answer is trace(one.condition, known.value, known.answer).answer
    assert LeftOut(len(LONG)) == known.value(ref)


def test_answers_of_another_condition_do_not_count():
    """A rule that was changed since asks other checks: of these the alert knows nothing."""
    event = Happening({"s.text": LONG})
    line = encode_json(
        AlertMaker("host").make(rule("R", "s.text contains needle"), event), JsonOptions(condition_fields=True)
    )
    known = EventReader(CATALOG, TYPES).read(json.loads(line))

    assert trace(rule("R", "s.text contains x").condition, known.value, known.answer).answer is None


def test_answers_are_bounded():
    """However many checks read a long value, an alert grows by a bounded number of bytes, which the store takes."""
    condition = " or ".join(f"s.text contains {'z' * 100}{number}" for number in range(300))
    read = AlertMaker("host").make(rule("R", condition), Happening({"s.text": LONG})).read

    assert MOST_ABOUT // 2 < len(read) < MOST_ABOUT + 1024
    check_read(read)


def test_a_field_that_fails_is_left_out():
    """A field that the condition did not have to read may fail without harm."""

    class Failing(dict):
        def get(self, key):
            if key == "s.other":
                raise KeyError(key)
            return super().get(key)

    found = kept("s.text = a or s.other = b", event=Happening(Failing({"s.text": "a"})))

    assert {"s.text": "a", LEFT_OUT: {"s.other": 0}} == found


def test_the_values_of_an_alert_are_bounded():
    """However many fields a condition reads, an alert grows by a bounded number of bytes."""
    condition = " or ".join(f"s.key[k{number}] exists" for number in range(100))
    event = Happening({("s.key", f"k{number}"): "x" * 500 for number in range(100)})

    read = AlertMaker("host").make(rule("R", condition), event).read
    assert MOST_VALUES // 2 < len(read) <= MOST_VALUES + MOST_ABOUT + 1024


def test_in_a_flood_only_some_alerts_keep_values():
    """Only the first alerts of a rule in a second keep values; another rule has its own."""
    clock = ManualClock()
    maker, flooded, other = AlertMaker("host", clock=clock), rule("R", "s.text = a"), rule("S", "s.text = a")
    event = Happening({"s.text": "a"})

    def kept_of(one, count):
        return sum(bool(maker.make(one, event).read) for _ in range(count))

    assert MOST_ALERTS == kept_of(flooded, 1000)
    assert 1 == kept_of(other, 1)
    clock.advance(1.0)
    assert MOST_ALERTS == kept_of(flooded, 1000)


@pytest.mark.parametrize(
    "data",
    [
        b"\xc1",
        b"\x93\x01\x02\x03",
        b"\x81\x01\x02",
        b"\x91" * 5000,
        msgspec.msgpack.encode({"a": 1})[:-1],
        b"\x00" * 99,
        msgspec.msgpack.encode({LEFT_OUT: {"a": [b"x"]}, ANSWERED[True]: [1], ANSWERED[False]: b"\xff"}),
    ],
)
def test_damaged_values_are_none(data):
    """Whatever a store contains, reading it fails nowhere."""
    assert {} == kept_values(data)


def test_outputs_have_them_where_configured():
    """``condition_fields`` is in JSON only where that is configured, and where there is something."""
    maker, event = AlertMaker("host"), Happening({"s.text": "a"})
    alert, bare = maker.make(rule("R", "s.text = a"), event), maker.make(rule("S", "evt.type = open"), event)
    asked = JsonOptions(condition_fields=True)

    assert {"s.text": "a"} == json.loads(encode_json(alert, asked))["condition_fields"]
    assert "condition_fields" not in json.loads(encode_json(alert, JsonOptions()))
    assert {"evt.type": "open"} == json.loads(encode_json(bare, asked))["condition_fields"]


def test_rules_that_are_gone_are_let_go():
    """A rule that took part in an alert is not kept in memory for that when other rules have taken its place."""
    maker = AlertMaker("host")
    former = rule("R", "s.text = a", "nothing")
    maker.make(former, Happening({"s.text": "a"}))
    gone = weakref.ref(former)
    del former
    gc.collect()

    assert gone() is None
    assert {"s.text": "a"} == kept_values(maker.make(rule("S", "s.text = a"), Happening({"s.text": "a"})).read)
