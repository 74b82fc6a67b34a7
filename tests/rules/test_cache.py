"""The rules cache gives what compiling gives, and whatever is wrong with it, the rules are compiled."""

import dataclasses
import hashlib
import logging
import random
import re
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import falcohost.rules.cache_key
from falcohost.alert import Priority
from falcohost.engine.catalog import Catalog
from falcohost.engine.codec.encode import ruleset_row
from falcohost.engine.codec.rows import CodecError
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.fields import ArgKind, Compare, Field, FieldType
from falcohost.rules import loader
from falcohost.rules.append_output import AppendOutput
from falcohost.rules.cache import RulesCache
from falcohost.rules.cache_entry import from_bytes, to_bytes
from falcohost.rules.cache_key import cache_key
from falcohost.rules.loader import LoadOptions, load_rules, read_file
from falcohost.rules.people import problem_for_people
from falcohost.rules.places import RulesFile
from falcohost.rules.selection import Selection
from falcohost_syscall.calls import BY_NAME
from falcohost_syscall.fields import FIELDS
from falcohost_syscall.plugin import falcohost_rules

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


@pytest.fixture(autouse=True)
def finished_compiler(monkeypatch):
    """Leave the compiler's own files out of the key, so that the tests stand while somebody works on them."""
    monkeypatch.setattr(falcohost.rules.cache_key, "_COMPILER", ())


@pytest.fixture
def cache(tmp_path):
    """Return a cache with nothing in it."""
    return RulesCache(tmp_path / "cache", VERSIONS)


@pytest.fixture
def no_compiler(monkeypatch):
    """Return a function after which compiling is an error."""

    def refuse(*args):
        raise AssertionError("the rules are compiled")

    return lambda: monkeypatch.setattr(loader, "load_rules", refuse)


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


def _nothing(event, arg):
    return None


def catalogs_for(files):
    """Return the true fields of syscall, and for other sources a text field for each name that the files have."""
    names = set(
        re.findall(r"\b(?:ka|jevt|ct|okta|github|aws|s3|json)(?:\.[a-zA-Z_0-9]+)+", "\n".join(f.text for f in files))
    )
    rows = [
        Field(name=name, type=FieldType.CHARBUF, description="", arg=ArgKind.ANY, get=_nothing)
        for name in sorted(names)
    ]
    sources = ("k8s_audit", "aws_cloudtrail", "okta", "github")
    return CATALOGS | {source: Catalog(source, (*GENERIC_FIELDS, *rows)) for source in sources}


def test_the_cache_gives_what_compiling_gives(cache, no_compiler):
    """Rules, warnings and verdicts out of the cache are those that were compiled, and nothing is compiled."""
    expected = load_rules(seed(), CATALOGS, OPTIONS)
    first = cache.load(seed(), CATALOGS, OPTIONS)
    no_compiler()
    second = cache.load(seed(), CATALOGS, OPTIONS)

    assert len({problem.code for problem in expected.results[0].warnings}) > 4
    assert_same(expected, first)
    assert_same(expected, second)


def test_public_and_shipped_rules(cache, corpus, no_compiler):
    """Every public rules file, all of them together, and the rules that are shipped are the same out of the cache."""
    public = sorted((corpus / "rules").glob("*.yaml"))
    groups = [*([path] for path in public), public, [*map(Path, falcohost_rules())]]
    files = [[read_file(str(path)) for path in group] for group in groups]
    expected = [cache.load(group, catalogs_for(group), OPTIONS) for group in files]
    no_compiler()

    assert all(loaded.ok for loaded in expected)
    assert len(expected[-2].ruleset.rules) > 190
    for group, before in zip(files, expected, strict=True):
        assert_same(before, cache.load(group, catalogs_for(group), OPTIONS))


def test_rules_of_the_regression_cases(cache, corpus, no_compiler):
    """Every rules file of the regression cases that is accepted is the same out of the cache."""
    good = 0
    for path in sorted((corpus / "regression").rglob("*.yaml")):
        files = [read_file(str(path))]
        catalogs = catalogs_for(files)
        expected = cache.load(files, catalogs, OPTIONS)
        if expected.ok:
            good += 1
            key = cache_key(files, catalogs, OPTIONS, VERSIONS)
            assert_same(expected, from_bytes(to_bytes(expected, key), key, files, catalogs))
    assert good > 30


@given(st.randoms(use_true_random=True))
@settings(max_examples=150, deadline=None, database=None)
def test_mutated_rules(chance):
    """Whatever the rules are: if they are accepted, they come out of the cache as they went in."""
    lines = SEED.split("\n")
    for _ in range(chance.randint(1, 4)):
        index = chance.randrange(len(lines))
        words = re.split(r"(\W)", lines[index])
        words[chance.randrange(len(words))] = chance.choice(re.split(r"(\W)", SEED))
        lines[index] = "".join(words)
    files = seed("\n".join(lines))
    expected = load_rules(files, CATALOGS, OPTIONS)
    if expected.ok:
        key = cache_key(files, CATALOGS, OPTIONS, VERSIONS)
        assert_same(expected, from_bytes(to_bytes(expected, key), key, files, CATALOGS))


def test_rules_that_are_refused_are_not_kept(cache):
    """Errors are found anew each time."""
    for _ in range(2):
        assert not cache.load(seed(SEED + "- rule: x\n"), CATALOGS, OPTIONS).ok
        assert not cache.load(seed("- required_plugin_versions: [{name: x, version: 1.0.0}]"), CATALOGS, OPTIONS).ok
    assert not cache.directory.exists()


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


def damaged(chance, data):
    """Return *data* cut, lengthened, or with a few bytes changed."""
    kind = chance.random()
    if kind < 0.2:
        return data[: chance.randrange(len(data))]
    if kind < 0.3:
        return data + chance.randbytes(chance.randint(1, 9))
    if kind < 0.4:
        start = chance.randrange(len(data))
        return data[:start] + data[start + chance.randint(1, 40) :]
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        changed[chance.randrange(len(data))] ^= chance.randint(1, 255)
    return bytes(changed)


def test_a_damaged_entry_is_compiled_anew(cache, caplog):
    """An entry that was cut or changed anywhere is passed over in silence, the rules are right, and it is mended."""
    expected = cache.load(seed(), CATALOGS, OPTIONS)
    (file,) = cache.directory.iterdir()
    whole = file.read_bytes()
    chance = random.Random(1)
    for _ in range(30):
        file.write_bytes(damaged(chance, whole))

        assert_same(expected, cache.load(seed(), CATALOGS, OPTIONS))
        assert whole == file.read_bytes()
    assert [] == [record for record in caplog.records if record.levelno > logging.DEBUG]


def test_no_damage_is_taken_for_an_entry():
    """Of thousands of damaged entries none is read."""
    key = cache_key(seed(), CATALOGS, OPTIONS, VERSIONS)
    whole = to_bytes(load_rules(seed(), CATALOGS, OPTIONS), key)
    chance = random.Random(2)
    read = 0
    for _ in range(5000):
        with pytest.raises(CodecError):
            from_bytes(damaged(chance, whole), key, seed(), CATALOGS)
        read += 1
    assert 5000 == read


def test_an_entry_of_another_key_is_not_read():
    """A file that was given another one's name is not taken for it."""
    key = cache_key(seed(), CATALOGS, OPTIONS, VERSIONS)
    data = to_bytes(load_rules(seed(), CATALOGS, OPTIONS), key)
    with pytest.raises(CodecError):
        from_bytes(data, bytes(32), seed(), CATALOGS)


def forged(body, key):
    """Return an entry of *body* that is whole as far as its digest can tell."""
    head = b"falcohost rules 1\n" + key
    return head + hashlib.blake2b(body, key=key, digest_size=32).digest() + body


def test_a_forged_entry_runs_or_is_refused():
    """Bytes that are changed below a digest that fits are refused, or are rules and warnings that can be told of."""
    key = cache_key(seed(), CATALOGS, OPTIONS, VERSIONS)
    whole = to_bytes(load_rules(seed(), CATALOGS, OPTIONS), key)
    body = whole[len(whole) - (len(whole) - 18 - 64) :]
    assert forged(body, key) == whole
    chance = random.Random(3)
    accepted = 0
    for _ in range(5000):
        try:
            found = from_bytes(forged(damaged(chance, body), key), key, seed(), CATALOGS)
        except CodecError:
            continue
        accepted += 1
        for problem in found.results[0].warnings:
            problem_for_people(problem)
        ruleset_row(found.ruleset)
    assert 0 < accepted < 5000


def test_an_entry_nested_without_end_is_refused():
    """Templates inside templates inside templates end in an error, not in the end of the process."""
    key = cache_key(seed(), CATALOGS, OPTIONS, VERSIONS)
    template = msgspec.msgpack.encode(["t", [], []])
    head = template[:-1] + b"\x91\x93\xa1x\xc0"  # a list of one extra value that is again a template
    rule = (
        msgspec.msgpack.encode(["r", "syscall", 0, [], "d", 0])[:-1] + b"\x00" + head * 200_000 + template + b"\xc0\xc3"
    )
    rule = b"\x99" + rule[1:]
    body = b"\x92" + b"\x93\x90\x90\x91" + rule + b"\x90"
    for data in (body, b"\x92" * 200_000, b"\x81" * 200_000):
        with pytest.raises(CodecError):
            from_bytes(forged(data, key), key, seed(), CATALOGS)


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_can_write_is_left_alone(cache, mode, caplog):
    """Nothing is read from it or written to it, and the rules are compiled, without a message above debug."""
    cache.directory.mkdir()
    cache.directory.chmod(mode)
    caplog.set_level(logging.DEBUG)
    loaded = cache.load(seed(), CATALOGS, OPTIONS)

    assert loaded.ok
    assert [] == [*cache.directory.iterdir()]
    assert {logging.DEBUG} == {record.levelno for record in caplog.records}
    assert "other users can write to" in caplog.text


@pytest.mark.parametrize("path", ["/dev/null", "/dev/null/below", "/proc/no/such", "/"])
def test_a_folder_that_cannot_be_written(path, caplog, tmp_path, monkeypatch):
    """Where nothing can be kept, the rules are compiled, without a message above debug."""
    if path == "/":
        monkeypatch.setattr("falcohost.rules.cache_files.os.open", _refuse)
    loaded = RulesCache(Path(path), VERSIONS).load(seed(), CATALOGS, OPTIONS)

    assert loaded.ok
    assert [] == [record for record in caplog.records if record.levelno > logging.DEBUG]


def _refuse(*args, **kwargs):
    raise PermissionError(13, "Permission denied")


def test_texts_without_bytes_are_not_kept(cache):
    """Half of a surrogate pair, which no cache can hold, comes from the command line; the rules load all the same."""
    half = dataclasses.replace(OPTIONS, append_output=(AppendOutput(extra_output="\udc80"),))

    assert cache.load(seed(), CATALOGS, half).ok
    assert not cache.directory.exists()


def test_starts_at_the_same_time(cache):
    """Many that load the same at once into an empty cache all get it right, and leave one entry."""
    expected = load_rules(seed(), CATALOGS, OPTIONS)
    found = []
    threads = [threading.Thread(target=lambda: found.append(cache.load(seed(), CATALOGS, OPTIONS))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 8 == len(found)
    for loaded in found:
        assert_same(expected, loaded)
    assert 1 == len([*cache.directory.iterdir()])
