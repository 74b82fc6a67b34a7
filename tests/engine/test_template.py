"""Output templates: how they are read, their text, and their values in JSON."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import CATALOG, Happening

from falcohost.engine.catalog import TypeCheckError
from falcohost.engine.render import TEXT_LIMIT, json_value, list_shown, text_of
from falcohost.engine.template import Template

EVENT = Happening(
    {
        "s.text": "bash",
        "s.path": "/a/b",
        ("s.key", "k"): "v",
        ("s.key", "a b"): "w",
        ("evt.arg", "flags"): "O_RDONLY",
        "n.int64": -5,
        "n.double": 12.345,
        "n.port": 22,
        "b.flag": True,
        "buf.data": b"a\0\xffb\n",
        "ip.addr": IPv4Address("10.0.0.1"),
        "ip.other": IPv6Address("::ffff:10.0.0.1"),
        "l.texts": ("a", "b\n"),
        "l.nums": (1, 2),
        "l.ips": (IPv4Address("10.0.0.1"),),
        "any.name": ("sh", "sshd"),
        ("any.name", 1): "sh",
        "any.pid": (7, 1),
        "s.hidden": "x",
    },
    num=42,
)


def message(text):
    """Return what the template *text* says of EVENT."""
    return Template.parse(text, CATALOG).message(EVENT)


def values(text, **more):
    """Return the JSON values of the template *text* for EVENT."""
    return Template.parse(text, CATALOG, **more).values(EVENT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no fields", "no fields"),
        ("*starred", "starred"),
        ("*", ""),
        ("%s.text", "bash"),
        ("a %s.text b", "a bash b"),
        ("%s.text%s.text", "bashbash"),
        ("(%s.text)", "(bash)"),
        ("%s.text.", "bash."),
        ("%s.text.nope", "bash.nope"),
        ("%s.texture", "bashure"),
        ("%s.text.more", "<NA>"),
        ("%s.text[1]", "bash[1]"),
        ("%s.text[", "bash["),
        ("%s.key[k]", "v"),
        ("%s.key[k]x", "vx"),
        ('%s.key["a b"]', "w"),
        ("%s.key['a b']", "w"),
        ("%evt.arg.flags", "O_RDONLY"),
        ("%evt.arg.flagsx", "O_RDONLYx"),
        ("%evt.arg[flags]", "O_RDONLY"),
        ("%any.name[1]", "sh"),
        ("%any.name[7]", "<NA>"),
        ("%any.name[x]", "sh sshd[x]"),
        ("%any.name", "sh sshd"),
        ("%any.pid", "7 1"),
        ("%n.int64", "-5"),
        ("%n.double", "12.3"),
        ("%b.flag", "true"),
        ("%b.other", "<NA>"),
        ("%buf.data", "a..b."),
        ("%ip.addr", "10.0.0.1"),
        ("%ip.other", "::ffff:10.0.0.1"),
        ("%l.texts", "(a,b\ufffd)"),
        ("%l.nums", "(1,2)"),
        ("%l.ips", "(10.0.0.1)"),
        ("%l.other", "<NA>"),
        ("%s.hidden", "<NA>"),
        ("%10s.text|", "bash      |"),
        ("%2s.text|", "ba|"),
        ("%5s.other|", "<NA> |"),
        ("%0s.text|", "bash|"),
        ("%toupper(s.text)", "BASH"),
        ("%toupper(s.text)x", "BASHx"),
        ("%8toupper(s.text)|", "BASH    |"),
        ('%join(", ", (s.text, "x)", n.uint64))', "<NA>"),
        ('%join(", ", (s.text, "x)"))', "bash, x)"),
        ("%len(s.text)", "4"),
        ('%concat(s.text, basename("/a/b")) end', "bashb end"),
        ("%tolower(l.texts)", "(a,b\ufffd)"),
        ("%evt.num", "42"),
        ("%evt.rawtime.ns", "123456789"),
        ("%evt.reltime", "<NA>"),
    ],
)
def test_the_text_of_an_output(text, expected):
    """A field is as long as there is one; values are shown in Falco's form, absent ones as ``<NA>``."""
    assert expected == message(text)


@pytest.mark.parametrize(
    ("text", "complaint", "unknown"),
    [
        ("", "empty formatting token", False),
        ("a %", "invalid formatting syntax: formatting cannot end with a %", False),
        ("a %12", "invalid formatting syntax: formatting cannot end with a number", False),
        ("100%% sure", "unknown filter: '% sure' is neither a field nor a transformer", True),
        ("%nofield x", "unknown filter: 'nofield x' is neither a field nor a transformer", True),
        ("a %s.txt b", "unknown filter: filter_check called with nonexistent field s.txt", True),
        ("%evt.arg.nope", "unknown filter: unknown event argument nope", True),
        ("%evt.arg x", "unknown filter: filter syntax error: evt.arg", True),
        ("%s.needs x", "unknown filter: filter syntax error: s.needs", True),
        (
            "%tolower(n.int64)",
            "unknown filter: can't add field transformer: type 'INT64' is not supported by 'tolower' transformer"
            " applied on field 'n.int64'",
            True,
        ),
        ("%tolower(s.text", "unknown filter: expected a ')' token closing the transformer", True),
    ],
)
def test_what_is_no_template_is_refused(text, complaint, unknown):
    """A ``%`` has to be followed by a field; there is no way to write one."""
    with pytest.raises(TypeCheckError) as error:
        Template.parse(text, CATALOG)

    assert (complaint, unknown) == (error.value.message, error.value.unknown)


def test_an_unknown_field_is_placed_and_gets_a_hint():
    """The place is that of the field's name, and a near name is told."""
    with pytest.raises(TypeCheckError) as error:
        Template.parse("file=%evt.tyep", CATALOG)

    assert (7, "did you mean %evt.type?") == (error.value.pos.column, error.value.hint)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing", {}),
        ("%s.text %s.text", {"s.text": "bash"}),
        ("%s.other", {"s.other": None}),
        ("%n.int64 %n.port", {"n.int64": -5, "n.port": 22}),
        ("%n.double", {"n.double": 12.345}),
        ("%b.flag", {"b.flag": True}),
        ("%s.key[k]", {"s.key[k]": "v"}),
        ("%s.key['a b']", {'s.key["a b"]': "w"}),
        ("%evt.arg.flags", {"evt.arg.flags": "O_RDONLY"}),
        ("%ip.addr", {"ip.addr": "10.0.0.1"}),
        ("%l.texts", {"l.texts": ["a", "b\n"]}),
        ("%l.nums", {"l.nums": [1, 2]}),
        ("%any.name", {"any.name": "sh sshd"}),
        ("%any.pid", {"any.pid": "7 1"}),
        ("%5s.text", {"s.text": "bash"}),
        ("%toupper(s.text)", {"s.text": "bash"}),
        ('%join(",", (s.text, n.port))', {"s.text": "bash", "n.port": 22}),
        ("%evt.time", {"evt.time": EVENT.ts}),
        ("%evt.rawtime.ns", {"evt.rawtime.ns": 123456789}),
        ("%buf.data", {"buf.data": "a..b."}),
        ("%s.hidden", {"s.hidden": None}),
    ],
)
def test_the_values_of_an_output(text, expected):
    """JSON has each field once, typed, under the name that the output gives it; transformers show what is in them."""
    assert expected == values(text)


def test_extra_fields_are_in_the_values_alone():
    """``append_output`` adds raw fields, and texts under names of their own, that the message does not have."""
    template = Template.parse("%s.text", CATALOG, extra_fields=["n.port", ("who", "<%s.text>")])

    assert "bash" == template.message(EVENT)
    assert {"s.text": "bash", "n.port": 22, "who": "<bash>"} == template.values(EVENT)
    assert ["s.text", "n.port"] == [ref.text for ref in template.fields]


def test_an_extra_field_has_to_be_one():
    """Text after the name of a raw field is not ignored."""
    with pytest.raises(TypeCheckError, match=r"nonexistent field s\.text and more"):
        Template.parse("x", CATALOG, extra_fields=["s.text and more"])


def test_the_fields_of_an_output_are_those_that_it_reads():
    """Fields inside transformers count, each field once."""
    template = Template.parse('%s.text %concat(s.text, s.other) %join(",", (n.port, l.texts))', CATALOG)

    assert ["s.text", "s.other", "n.port", "l.texts"] == [ref.text for ref in template.fields]


def test_hostile_text_does_not_reach_the_line():
    """Control characters and invalid UTF-8 of values become U+FFFD; the output's own newline stays."""
    event = Happening({"s.text": "a\x1b[31m\r\n\x9b\udcff\x7f", "any.name": ("\n", "b")})
    template = Template.parse("x\n%s.text %any.name", CATALOG)

    assert "x\na\ufffd[31m\ufffd\ufffd\ufffd\ufffd\ufffd \ufffd b" == template.message(event)
    assert {"s.text": "a\x1b[31m\r\n\x9b\ufffd\x7f", "any.name": "\n b"} == template.values(event)


def test_a_huge_value_is_cut_in_text():
    """One value cannot make a line endless; the cut shows."""
    event = Happening({"s.text": "a" * 1_000_000, "l.texts": ("b" * 1_000_000,)})

    assert "a" * TEXT_LIMIT + "…" == Template.parse("%s.text", CATALOG).message(event)
    assert TEXT_LIMIT + 1 == len(Template.parse("%l.texts", CATALOG).message(event))


def test_a_column_cannot_be_endless():
    """A width beyond reason is taken as the widest that there is."""
    assert 4096 == len(message("%99999999999s.text"))


@given(st.lists(st.text(max_size=5) | st.integers() | st.booleans() | st.just("x" * TEXT_LIMIT), max_size=4))
def test_a_list_of_texts_is_shown_like_any_list(values):
    """The text and the JSON of a list of texts are made at once; they are those of each of its values."""
    whole = f"({','.join(map(text_of, values))})"
    text = whole if len(whole) <= TEXT_LIMIT else whole[:TEXT_LIMIT] + "…"

    assert (text, json_value(values)) == list_shown(tuple(values))
    assert ("<NA>", None) == list_shown(None)


#: Values of texts, usual and unusual, and of something that is no text.
TEXTS = st.sampled_from(["", "bash", "a b", "é", "\x7f", "a\nb", "\u202e", "\ud800", "x" * (TEXT_LIMIT - 5), 7, None])


@given(
    text=TEXTS,
    path=TEXTS,
    texts=st.none() | st.lists(TEXTS, min_size=1, max_size=3).map(tuple) | st.just(["a"]) | st.just("abc"),
    parts=st.sampled_from([("a ", " b ", " c ", "!"), ("", "", "", ""), ("a\n", "\t", "é", "")]),
)
def test_what_is_usual_is_filled_in_as_what_is_not(text, path, texts, parts):
    """Values that are looked at all at once show what each of them shows by itself."""
    event = Happening({"s.text": text, "s.path": path, "l.texts": texts})
    found = Template.parse("{}%s.text{}%s.path{}%l.texts{}%s.text".format(*parts), CATALOG)
    shown = [text_of(text), text_of(path), list_shown(texts)[0], text_of(text)]

    assert "".join(one for pair in zip(parts, shown, strict=True) for one in pair) == found.message(event)
    assert {
        "s.text": json_value(text), "s.path": json_value(path), "l.texts": list_shown(texts)[1]
    } == found.values(event)  # fmt: skip
