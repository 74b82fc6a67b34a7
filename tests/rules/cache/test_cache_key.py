"""All that decides what rules come to is in the key of the cache."""

import dataclasses

import pytest
from cached_rules import CATALOGS, OPTIONS, PLUGINS, SEED, SYSCALL, VERSIONS, seed

import falcohost.rules.cache_key
from falcohost.alert import Priority
from falcohost.engine.catalog import Catalog
from falcohost.fields import ArgKind, Compare, Field, FieldType
from falcohost.rules.append_output import AppendOutput
from falcohost.rules.cache_key import cache_key
from falcohost.rules.loader import LoadOptions
from falcohost.rules.selection import Selection
from falcohost_syscall.calls.rows import BY_NAME


def test_every_character_of_a_file_is_in_the_key():
    """A file with one character changed, added or missing, or with another name, has another key."""
    base = cache_key(seed(), CATALOGS, OPTIONS, VERSIONS)
    others = [seed(SEED[:index] + "~" + SEED[index + 1 :]) for index in range(len(SEED))]
    others += [seed(SEED[:-1]), seed(SEED + "\n"), seed(name="rules2.yaml"), seed() * 2, []]
    keys = {cache_key(files, CATALOGS, OPTIONS, VERSIONS) for files in others}

    assert base == cache_key(seed(), CATALOGS, OPTIONS, VERSIONS)
    assert base not in keys
    assert len(others) == len(keys)


@pytest.mark.parametrize(
    "change",
    [
        {"append_output": ()},
        {"append_output": (*OPTIONS.append_output, AppendOutput(extra_output="x"))},
        {"append_output": tuple(reversed(OPTIONS.append_output))},
        {"selections": (Selection(enable=False, rule="r"),)},
        {"minimum_priority": Priority.ERROR},
        {"event_types": {"syscall": frozenset(BY_NAME) - {"open"}}},
        {"event_types": {}},
        {"plugins": PLUGINS | {"container": "0.7.2"}},
        {"install_hints": {"x": "y"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_option_is_in_the_key(change):
    """Other options have another key."""
    other = dataclasses.replace(OPTIONS, **change)

    assert {field.name for field in dataclasses.fields(LoadOptions)} >= set(change)
    assert cache_key(seed(), CATALOGS, OPTIONS, VERSIONS) != cache_key(seed(), CATALOGS, other, VERSIONS)


FIELD = Field(name="a.b", type=FieldType.CHARBUF, description="", get=lambda event, arg: None)
OTHER_FIELDS = {
    "name": "a.c",
    "type": FieldType.UINT8,
    "arg": ArgKind.KEY,
    "compare": Compare.ANY_OF,
    "check_arg": lambda text: None,
    "check_bracket": lambda text: None,
    "check_value": lambda text: None,
    "variant": lambda text: FIELD,
    **dict.fromkeys(("arg_required", "dotted", "is_list", "filter_only", "print_only", "no_rhs"), True),
    **dict.fromkeys(("no_transform", "suggested", "deprecated"), True),
}


@pytest.mark.parametrize("attribute", OTHER_FIELDS)
def test_what_a_field_is_is_in_the_key(attribute):
    """A field that is other to the compiler has another key."""
    keys = {key_of(field) for field in (FIELD, dataclasses.replace(FIELD, **{attribute: OTHER_FIELDS[attribute]}))}

    assert 2 == len(keys)


@pytest.mark.parametrize("attribute", ["description", "get", "json", "path", "reads", "shown"])
def test_what_people_and_getters_read_is_not_in_the_key(attribute):
    """A field whose value is got in another way has the same key: no compiled rule holds that."""
    assert key_of(FIELD) == key_of(dataclasses.replace(FIELD, **{attribute: "other"}))


def key_of(field):
    """Return the key over a source that has *field* alone."""
    return cache_key(seed(), {"syscall": Catalog("syscall", [field])}, OPTIONS, VERSIONS)


def test_sources_and_versions_are_in_the_key(monkeypatch, tmp_path):
    """Other sources, versions, Python, compiler or services have another key."""
    compiler = ("lang", "rules", "engine")
    keys = [cache_key(seed(), CATALOGS, OPTIONS, VERSIONS)]
    keys.append(cache_key(seed(), CATALOGS | {"okta": Catalog("okta", ())}, OPTIONS, VERSIONS))
    keys.append(cache_key(seed(), {"other": SYSCALL}, OPTIONS, VERSIONS))
    keys.append(cache_key(seed(), CATALOGS, OPTIONS, ("1.1", "syscall 1.0")))
    keys.append(cache_key(seed(), CATALOGS, OPTIONS, VERSIONS[:1]))
    monkeypatch.setattr(falcohost.rules.cache_key.sys, "version", "4")
    keys.append(cache_key(seed(), CATALOGS, OPTIONS, VERSIONS))
    services = tmp_path / "services"
    services.write_text("ssh 22/tcp\n")
    monkeypatch.setattr(falcohost.rules.cache_key, "_SERVICES", str(services))
    keys.append(cache_key(seed(), CATALOGS, OPTIONS, VERSIONS))
    services.write_text("ssh 222/tcp\n")
    keys.append(cache_key(seed(), CATALOGS, OPTIONS, VERSIONS))
    for folder in compiler:
        (tmp_path / folder).mkdir()
    (tmp_path / "lang" / "parser.py").write_text("")
    monkeypatch.setattr(falcohost.rules.cache_key, "_PACKAGE", tmp_path)
    monkeypatch.setattr(falcohost.rules.cache_key, "_COMPILER", compiler)
    keys.append(cache_key(seed(), CATALOGS, OPTIONS, VERSIONS))
    (tmp_path / "lang" / "parser.py").write_text("# changed")
    keys.append(cache_key(seed(), CATALOGS, OPTIONS, VERSIONS))

    assert len(keys) == len(set(keys))
