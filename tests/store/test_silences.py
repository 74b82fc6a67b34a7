"""Silences: what they hold back, what they do not, their end, their counts, and their bounds."""

import pytest
from msgspec.structs import replace

from falcohost.alert import Priority
from falcohost.engine.alerts import INTERNAL
from falcohost.engine.catalog import Catalog
from falcohost.engine.typecheck import check
from falcohost.errors import StateError
from falcohost.fields import Field, FieldType
from falcohost.lang.parser import parse
from falcohost.store import silences
from falcohost.store.arrival import Arrival
from falcohost.store.examine import overview, repair
from falcohost.store.history import History, Wanted
from falcohost.store.limits import Limits
from falcohost.store.orders import AddSilence, EndSilence, carry_out
from falcohost.store.silences import RULE
from falcohost.store.store import Store
from falcohost.store.where import Where, WhereError
from falcohost.store.where_code import encoded
from falcohost.testing.outputs import alert

FIELDS = Catalog(
    "source",
    [
        Field(name="proc.name", type=FieldType.CHARBUF, description="x.", get=lambda event, arg: None),
        Field(name="fd.sip", type=FieldType.IPADDR, description="x.", get=lambda event, arg: None),
        Field(name="proc.pid", type=FieldType.INT64, description="x.", get=lambda event, arg: None),
        Field(name="evt.num", type=FieldType.UINT64, description="x.", get=lambda event, arg: None),
        Field(name="proc.odd", type=FieldType.CHARBUF, description="x.", get=lambda event, arg: None),
    ],
)


def where(text):
    """Return the condition *text* over the fields of alerts of these tests."""
    output = [FIELDS.resolve(name) for name in ("proc.name", "fd.sip", "proc.pid", "evt.num")]
    return encoded(check(parse(text), FIELDS).expr, output)


def raised(name, rule="r", **options):
    """Return an alert of *rule* with the fields proc.name, fd.sip and proc.pid."""
    fields = {"proc.name": "foo", "fd.sip": "10.0.0.1", "proc.pid": 7, **options.pop("fields", {})}
    return replace(alert(name), id=name, source="source", rule=rule, fields=fields, **options)


@pytest.fixture
def put(store):
    """Return a function that stores alerts as they come from a source."""
    return lambda *alerts: store.append([Arrival("source", alerts)]).alerts


@pytest.fixture
def silence(store, clock):
    """Return a function that adds a silence for an hour, and returns its number."""

    def silence(rule="r", text="", seconds=3600, **options):
        condition = where(text) if text else None
        order = AddSilence(rule=rule, seconds=seconds, text=text, where=condition, by="ann", **options)
        return carry_out(store, order, 7, clock.time_ns() // 10**9).number

    return silence


def delivered(store):
    """Return the ids of what outputs get, from memory and from the file."""
    found = [row.alert.id for row in store.recent(0)]
    assert len(found) == len(store.bodies(0, 1000))
    return found


def test_stored_and_not_delivered(store, path, put, silence):
    """Alerts of the rule that fulfil the condition are stored and marked, and delivered to nobody; others are."""
    store.subscribe("output")
    put(raised("a"))
    assert 1 == silence(text="proc.name = foo and fd.sip in (10.0.0.1)")
    put(raised("b"), raised("c", rule="s"), raised("d", fields={"proc.name": "bar"}))

    assert ["a", "c", "d"] == delivered(store)
    assert 1 == store.held
    assert ["", "silence 1", "", ""] == [one.held for one in History(path.parent).numbered(Wanted())]
    assert ["b"] == [one.id for one in History(path.parent).alerts(Wanted(held=True))]
    assert ["a", "c", "d"] == [one.id for one in History(path.parent).alerts(Wanted(held=False))]
    assert 3 == overview(path.parent).marks[0].waiting
    again = Store(path, Limits())
    assert 3 == len(again.bodies(0, 10))
    assert 4 == len(again.read(0, 10))


def test_told_in_the_next_alert(store, put, silence):
    """The next alert of the rule that is delivered says how many were silenced and since when; once."""
    silence(text="proc.name = foo")
    put(raised("a", time=5), raised("b", time=6), raised("c", rule="s"))
    put(raised("d", fields={"proc.name": "bar"}), raised("e", fields={"proc.name": "bar"}))
    assert [2, None] == [row.alert.fields.get("falcohost.silenced") for row in store.recent(3)]
    told = store.recent(3)[0].alert
    assert 5 == told.fields["falcohost.silenced_since"]
    said = "(2 alerts of this rule were silenced since 1970-01-01T00:00:00.000000005Z)"
    assert f"{raised('d').message} {said}" == told.message
    assert told.output.endswith(told.message)
    assert told == store.read(3, 1)[0][1]


@pytest.mark.parametrize(
    ("text", "fields", "count"),
    [
        ("proc.name = foo", {"proc.name": None}, 1),
        ("not proc.name = bar", {"proc.name": 7}, 1),
        ("not proc.pid = 8", {"proc.pid": "x"}, 1),
        ("not proc.name = bar", {"falcohost.cut": True}, 1),
        ("not proc.name = bar", {"falcohost.missing": ["proc.name"]}, 1),
        ("proc.name = foo", {"falcohost.same": "rule", "falcohost.values.proc.name": ["foo", "evil"]}, 9),
        ("proc.name = foo", {"falcohost.same": "actor", "falcohost.left_out": 3}, 9),
    ],
)
def test_what_is_not_known_is_delivered(store, put, silence, text, fields, count):
    """An alert that does not say what the condition asks for, of each match that it stands for, is delivered."""
    silence(text=text)
    put(raised("a", fields=fields, count=count), raised("b"))

    assert ["a"] == delivered(store)


def test_a_missing_field(store, put, silence):
    """An alert that lacks a field of the condition is delivered, also if the condition negates it."""
    silence(text="not proc.name = bar")
    put(replace(alert("a"), id="a", source="source", rule="r", fields={}))

    assert ["a"] == delivered(store)


def test_counted_alerts(store, put, silence):
    """An alert that stands for matches with the same values is silenced."""
    silence(text="proc.name = foo")
    put(raised("a", count=9, fields={"falcohost.same": "actor", "falcohost.values.fd.sip": ["10.0.0.1", "10.0.0.2"]}))

    assert [] == delivered(store)


def test_it_ends(store, path, put, silence, clock):
    """A silence ends by itself; what it has silenced is told in the next alert, also after a restart."""
    silence()
    assert [(1, "began")] == [(one.number, what) for one, what in store.noise.look()]
    put(raised("a"))
    clock.advance(3601)
    assert [(1, "ended", 1)] == [(one.number, what, one.count) for one, what in store.noise.look()]
    assert [] == [*store.noise.look()]
    store.append([])
    store.close()
    again = Store(path, Limits(), clock=clock)
    again.append([Arrival("source", [raised("b"), raised("c")])])

    assert [1, None] == [row.alert.fields.get("falcohost.silenced") for row in again.recent(1)]
    assert [(1, 1, 0, "its time is over")] == [
        (one.number, one.count, one.untold, one.why) for one in History(path.parent).silences(ended=True)
    ]
    again.close()
    last = Store(path, Limits(), clock=clock)
    assert not last.noise


def test_no_clock_makes_it_longer(store, put, silence, clock):
    """A clock that is set back does not prolong a silence, and one that is set ahead ends it."""
    silence(seconds=100)
    clock._began -= 10_000 * 10**9
    put(raised("a"))
    assert [] == delivered(store)
    clock.advance(101)
    put(raised("b"))
    assert ["b"] == delivered(store)
    silence(seconds=100)
    clock._began += 10_000 * 10**9
    put(raised("c"))
    assert ["b", "c"] == delivered(store)


def test_removed(store, put, silence):
    """A silence that is removed holds back nothing more; another one cannot be removed."""
    number = silence()
    put(raised("a"))
    carry_out(store, EndSilence(number, "bob"), 0, 200)
    put(raised("b"))

    assert ["b"] == delivered(store)
    assert ["by bob (uid 0)"] == [one.why for one, what in store.noise.look() if what == "ended"]
    with pytest.raises(StateError, match=r"there is no silence 1; falcohost silence list"):
        carry_out(store, EndSilence(1), 0, 200)
    assert 2 == silence()


def test_own_alerts(store, silence):
    """What is about falcohost itself is silenced only by who says so; what is about silences never is."""
    for rule in ("Falcohost internal: too many alerts", "Settings of the agent changed"):
        with pytest.raises(StateError, match="is about falcohost itself; add --own"):
            silence(rule)
    with pytest.raises(StateError, match="cannot be silenced"):
        silence(RULE, own=True)
    silence("Falcohost internal: too many alerts", own=True)
    internal = replace(raised("a", rule="Falcohost internal: too many alerts"), source=INTERNAL)
    store.append([Arrival(INTERNAL, [replace(internal, priority=Priority.WARNING)])])

    assert [] == delivered(store)


def test_bounds(monkeypatch, silence):
    """There are so many silences, for so long, with so much text; ended ones are forgotten."""
    for seconds in (0, -1, silences.LONGEST + 1):
        with pytest.raises(StateError, match="30 days at most"):
            silence(seconds=seconds)
    with pytest.raises(StateError, match="too long"):
        silence(note="x" * 2000)
    with pytest.raises(StateError, match="or there is no rule"):
        silence("")
    monkeypatch.setattr(silences, "MOST", 3)
    for number in range(3):
        silence(f"rule {number}")
    with pytest.raises(StateError, match="there are 3 silences, which is the most"):
        silence()


def test_many_end(store, path, monkeypatch, silence):
    """Only the last ended silences are remembered, and numbers are not used again."""
    monkeypatch.setattr(silences, "MOST_ENDED", 2)
    for number in range(1, 6):
        assert number == silence()
        carry_out(store, EndSilence(number), 0, 1)
    silence()

    assert [4, 5, 6] == [one.number for one in History(path.parent).silences(ended=True)]


def test_conditions():
    """Only fields that alerts have can be read, and no regex."""
    with pytest.raises(WhereError, match=r"do not have the field proc\.odd; they have: fd\.sip, proc\.name, proc\.pid"):
        where("proc.odd = x")
    with pytest.raises(WhereError, match=r"do not have the field evt\.num"):
        where("evt.num = 1")
    with pytest.raises(WhereError, match="regex cannot be used here"):
        where("proc.name regex f.*")


def test_odd_conditions(store, put):
    """A condition that is no valid data is refused, and one in the file that cannot be read silences nothing."""
    odd = replace(where("proc.name = foo"), rows=b"\x93\xa0\x90\x91\x92\x01")
    with pytest.raises(StateError, match="the condition cannot be read"):
        carry_out(store, AddSilence(rule="r", seconds=60, text="x", where=odd), 0, 100)
    store.change(
        lambda connection: silences.add(
            connection, silences.Silence(rule="r", seconds=60, until=1 << 40, begun=1 << 40, where=odd), own=False
        )
    )
    put(raised("a"))

    assert ["a"] == delivered(store)
    assert ["it cannot be read"] == [one.why for one, what in store.noise.look()]
    assert isinstance(odd, Where)


def test_kept_by_a_repair(store, path, put, silence):
    """A repair keeps silences, and what was held back."""
    silence()
    put(raised("a"))
    store.close()
    repair(path.parent)
    again = Store(path, Limits())

    assert [1] == [one.count for one in History(path.parent).silences()]
    assert ([], 1) == (again.bodies(0, 10), len(again.read(0, 10)))


def test_of_an_earlier_version(store, path, put, former):
    """A file without silences is read as it is, and gets the tables when a store opens it."""
    put(raised("a"))
    store.close()
    former(path, 6)
    history = History(path.parent)

    assert ([], ["a"], []) == (
        history.silences(),
        [one.id for one in history.alerts(Wanted(held=False))],
        [*history.alerts(Wanted(held=True))],
    )
    assert 1 == len(Store(path, Limits()).bodies(0, 10))
