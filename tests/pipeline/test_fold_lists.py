"""Counted alerts list the values that differ: the one that counts is named, and lists are bounded."""

import pytest
from folded import START, Opened, Told, rule

from falcohost.pipeline import fold

KEY = "/home/victim/.ssh/id_rsa"


def among(decoys, own="/tmp/x/.ssh/id_{}"):
    """Return opens of as many decoys, of the key, and of as many decoys again, all by one process."""
    names = [own.format(number) for number in range(2 * decoys)]
    names.insert(decoys, KEY)
    return [Opened(number, START + number, name) for number, name in enumerate(names)]


def naming(told, key=KEY):
    """Return the alerts that name the key, in their text and in their JSON."""
    lists = [
        one for one in told.alerts if key in (one.fields["it.file"], *one.fields.get("falcohost.values.it.file", ()))
    ]
    return [one for one in lists if key in one.output]


#: Files that are opened before and after the one that counts, in the long and in the short form; both times there are
#: more than a fold remembers.
DECOYS = (100_000, 20_000)


@pytest.mark.parametrize(
    ("decoys", "own"),
    [
        ((1000, 1000), "/tmp/x/.ssh/id_{}"),
        ((1000, 1000), "/tmp/{}/.ssh/id_rsa"),
        (DECOYS, "/home/victim/.ssh/id_{}"),
        (DECOYS, "/tmp/{}/.ssh/id_rsa"),
    ],
)
def test_one_among_decoys_is_named(soak, decoys, own):
    """Whoever opens a few or very many files before and after the one that counts does not hide its name."""
    decoys = soak(*decoys)
    told = Told(after=100).take(among(decoys, own))
    told.fold.flush()

    (alert,) = naming(told)
    assert alert.count > 1
    assert 2 * decoys + 1 == sum(told.counts)
    assert len(told.alerts) <= 1000 + decoys / 1000 + 1


def test_one_among_processes_is_named():
    """So it is where each decoy is opened by a process of its own."""
    events = among(20_000)
    for number, event in enumerate(events):
        event.actor = number
    told = Told(after=100).take(events)
    told.fold.flush()

    assert 1 == len(naming(told))


def test_lists_are_bounded(monkeypatch, soak):
    """Beyond so many lists of one rule the last is a sample, which says how many values it leaves out."""
    monkeypatch.setattr(fold, "MOST_LISTS", 3)
    decoys = soak(*DECOYS)
    left_out = 2 * decoys + 1 - 30 - 4 * 2048
    told = Told().take(among(decoys))
    told.fold.flush()
    lists = [len(one.fields["falcohost.values.it.file"]) for one in told.alerts if one.count > 1]

    assert [2048] * 4 == lists
    assert left_out == told.alerts[-1].fields["falcohost.left_out"]
    assert told.alerts[-1].output.endswith(f"; {left_out} values left out)")
    assert 1 == len(naming(told))


def test_large_values_are_bounded():
    """A list ends sooner when its values are long, of which beginning and end are shown."""
    told = Told().take(Opened(number, file=f"/tmp/{'x' * 4000}/{number}") for number in range(1000))
    told.fold.flush()

    listed = [one.fields["falcohost.values.it.file"] for one in told.alerts if one.count > 1]
    assert {126} == {len(part) for part in listed[:-1]}
    assert ("/tmp/xx", "x/30") == (listed[0][0][:7], listed[0][0][-4:])
    assert all(len(one.output) < 90_000 for one in told.alerts)


def test_only_fields_that_differ_are_listed():
    """Fields that all have in common, and those that differ in each event, stand in the alert once."""
    by = rule(output="%it.file %it.actor %evt.num")
    told = Told().take((Opened(number, file=str(number)) for number in range(50)), by)
    told.fold.flush()

    assert ["falcohost.values.it.file"] == [name for name in told.alerts[-1].fields if "values" in name]


def test_a_value_does_not_look_like_several():
    """A file whose name has separators is in quotes."""
    names = ["a", "b, c", 'd"; it.file: e', "f"]
    told = Told(after=1).take(Opened(number, file=name) for number, name in enumerate([*map(str, range(10)), *names]))
    told.fold.flush()

    assert told.alerts[-1].output.endswith("""; it.file: a, "b, c", "d'; it.file: e", f)""")
    assert names == told.alerts[-1].fields["falcohost.values.it.file"]
