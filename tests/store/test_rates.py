"""Limits of what is delivered: what they hold back, when they tell it, and what nobody can make them do."""

import pytest
from msgspec.structs import replace

from falcohost.store import rates
from falcohost.store.arrival import Arrival
from falcohost.store.history import History, Wanted
from falcohost.store.limits import Limits
from falcohost.store.noise import TELLS
from falcohost.store.rates import RateLimit
from falcohost.store.store import Store
from falcohost.testing.outputs import alert

FIVE = RateLimit("r", ("proc.name",), most=2, per=60)


@pytest.fixture
def opened(path, clock):
    """Return a function that opens a store with limits."""
    return lambda *limits: Store(path, Limits(rates=limits), clock=clock)


def raised(name, process="foo", rule="r", **options):
    """Return an alert of *rule* with the fields proc.name and user.name."""
    fields = {"proc.name": process, "user.name": "root", **options.pop("fields", {})}
    return replace(alert(name), id=name, source="source", rule=rule, fields=fields, **options)


def put(store, *alerts):
    """Store *alerts*; return the ids of what is delivered of all."""
    store.append([Arrival("source", alerts)])
    return [row.alert.id for row in store.recent(0)]


def held_back(store):
    """Return the numbers of alerts held back that delivered ones tell."""
    return [row.alert.fields.get("falcohost.held_back") for row in store.recent(0)]


def test_so_many_of_each_value(opened, path, clock):
    """So many alerts of each value are delivered in a window; the others are stored, marked and told in the next."""
    store = opened(FIVE)
    assert ["a", "b", "d"] == put(store, raised("a"), raised("b"), raised("c", time=5), raised("d", "bar"))
    assert [None, None, 1] == held_back(store)
    clock.advance(59)
    assert ["a", "b", "d"] == put(store, raised("e"), raised("f"))
    clock.advance(1)
    assert ["a", "b", "d", "g", "h"] == put(store, raised("g"), raised("h"), raised("i"))

    assert [None, None, 1, 2, None] == held_back(store)
    assert 5 == store.recent(0)[2].alert.fields["falcohost.held_back_since"]
    assert store.recent(0)[3].alert.message.startswith(
        f"{raised('g').message} (2 alerts of this rule were held back since "
    )
    assert ["c", "e", "f", "i"] == [one.id for one in History(path.parent).alerts(Wanted(held=True))]
    assert {"", "limit 1"} == {one.held for one in History(path.parent).numbered(Wanted())}
    assert 4 == store.held


def test_suppressed(opened, clock):
    """Once so many were delivered, others are held back for the time of suppression, and no longer."""
    store = opened(RateLimit("r", (), most=2, per=60, suppress=600))
    assert ["a"] == put(store, raised("a"))
    clock.advance(61)
    assert ["a", "b", "c"] == put(store, raised("b"), raised("c"))
    clock.advance(599)
    assert ["a", "b", "c"] == put(store, raised("d"))
    clock.advance(1)
    assert ["a", "b", "c", "e"] == put(store, raised("e"))


def test_other_rules(opened):
    """Other rules are not limited, and without limits there is nothing to decide."""
    assert ["a", "b", "c"] == put(opened(FIVE), *(raised(name, rule="s") for name in "abc"))
    assert not opened().noise


def test_two_limits(opened):
    """Of several limits of a rule each may hold an alert back, and each counts what is delivered."""
    store = opened(FIVE, RateLimit("r", (), most=3, per=60))

    assert ["a", "b", "d"] == put(store, *map(raised, "abc"), raised("d", "bar"), raised("e", "baz"))


def test_made_up_values(opened, monkeypatch):
    """Who makes up more values than are remembered has alerts delivered, and nobody's alert held back for it."""
    monkeypatch.setattr(rates, "MOST_KEYS", 100)
    store = opened(FIVE)
    put(store, *(raised(f"x{number}", str(number)) for number in range(300)))
    delivered = put(store, raised("victim", "victim"), raised("0 again", "0"), raised("0 once more", "0"))

    assert 302 == len(delivered)
    assert {"victim", "0 again"} <= set(delivered)
    assert "0 once more" not in delivered
    assert 201 == store.overflowed
    assert 100 == len(next(iter(store.noise._rates.values()))[0]._windows)


def test_forgotten(opened, clock, monkeypatch):
    """Values whose window is over give way to others."""
    monkeypatch.setattr(rates, "MOST_KEYS", 100)
    store = opened(FIVE)
    put(store, *(raised(f"x{number}", str(number)) for number in range(100)))
    clock.advance(60)

    assert 102 == len(put(store, *(raised(name, "new") for name in "abc")))
    assert 0 == store.overflowed


@pytest.mark.parametrize(
    "fields",
    [
        {"falcohost.cut": True},
        {"falcohost.missing": ["proc.name"]},
        {"falcohost.values.proc.name": ["foo", "evil"]},
        {"falcohost.left_out": 3},
    ],
)
def test_what_is_not_known_is_delivered(opened, fields):
    """Alerts that do not have one value of each field are delivered."""
    store = opened(FIVE)
    assert list("abcd") == put(store, *(raised(name, fields=fields) for name in "abcd"))
    bare = [replace(raised(name), fields={}) for name in "efgh"]
    assert list("abcdefgh") == put(store, *bare)


def test_told_after_a_restart(opened):
    """What was held back and not told is told by the next store."""
    store = opened(FIVE)
    put(store, *map(raised, "abcd"))
    store.close()
    again = opened(FIVE)
    again.append([Arrival("source", [raised("e")])])

    assert [2] == [row.alert.fields.get("falcohost.held_back") for row in again.recent(4)]


def test_told_by_itself(opened, clock):
    """If no alert of the rule comes, what was held back is told after a while, once."""
    store = opened(FIVE)
    put(store, *map(raised, "ab"), raised("c", time=5), raised("d"))
    assert [] == [*store.noise.held_back()]
    clock.advance(TELLS)

    assert [("r", 2, 5)] == [*store.noise.held_back()]
    assert [] == [*store.noise.held_back()]
    put(store, raised("e"))
    assert [None] == [row.alert.fields.get("falcohost.held_back") for row in store.recent(4)]
