"""Lists: their textual replacement in conditions, and lists in lists."""

import pytest

from falcohost.rules.lists import Edit, ExpansionTooLong, ListExpander


@pytest.mark.parametrize(
    ("items", "text", "expected"),
    [
        ("[x]", "proc.name in (l)", "proc.name in (x)"),
        ("[x, y]", "proc.name in (a, l, b)", "proc.name in (a, x, y, b)"),
        ("[x, y]", "proc.name in (l, b)", "proc.name in (x, y, b)"),
        ("[x, y]", "proc.name in (a, l)", "proc.name in (a, x, y)"),
        ("[x, y]", "proc.name in (\n  l\n)", "proc.name in (x, y)"),
        ('["x y"]', "proc.name in (l)", 'proc.name in ("x y")'),
        ("""["'x y'", '"z w"']""", "proc.name in (l)", 'proc.name in ("x y", "z w")'),
        ("[]", "proc.name in (l, a)", "proc.name in (a)"),
        ("[]", "proc.name in (a, l)", "proc.name in (a)"),
        ("[]", "proc.name in (a, l, b)", "proc.name in (a, b)"),
        ("[]", "proc.name in (l)", "proc.name in ()"),
        ("[one]", "proc.name in l", "proc.name in one"),
        ("[one]", "proc.name = l", "proc.name = one"),
        ("[one]", "proc.name=l", "proc.name = one"),
        ("[x]", "proc.name in (ll, l.a, a-l)", "proc.name in (ll, l.a, a-l)"),
        ("[x]", 'fd.name="k, a,l"', 'fd.name = "k, a,l"'),
        ("[x]", 'fd.name="k, l,b"', 'fd.name = "k, x ,b"'),
        ("[x]", "proc.name startswith oneof (l)", "proc.name startswith oneof (x)"),
    ],
)
def test_replacement(condition, rule, items, text, expected):
    """A name between delimiters is replaced by the items, wherever it stands; an empty list takes a comma with it."""
    quoted = "'" + text.replace("'", "''") + "'"

    assert expected == condition(f"- list: l\n  items: {items}\n" + rule(quoted))


def test_bare_list_of_several_items(errors, rule):
    """Without brackets a list of several items makes no sense."""
    message = "unexpected token after 'one', expecting 'or', 'and'"
    text = "- list: l\n  items: [one, two]\n" + rule("proc.name in l")

    assert [("LOAD_ERR_COMPILE_CONDITION", message)] == errors(text)


def test_conditions_see_every_list(condition, rule):
    """A condition may use a list that is defined behind it, also in a later file."""
    assert "proc.name in (x)" == condition(rule("proc.name in (l)"), "- list: l\n  items: [x]\n")


def test_lists_in_macros_and_in_event_types(condition, rule):
    """Lists are replaced in macros as well."""
    text = "- macro: m\n  condition: evt.type in (types)\n- list: types\n  items: [open, dup]\n"

    assert "evt.type in (open, dup)" == condition(text + rule("m"))


@pytest.mark.parametrize(
    ("lists", "used", "expected"),
    [
        ("a:x b:a,y c:b,z", "c", "a, y, z"),
        ("c:a,z a:x", "c", "x, z"),
        ("b:x,y a:b,z", "a", "x, y, z"),
        ("a:b b:a", "a", "b"),
        ("a:a,x", "a", "a, x"),
    ],
)
def test_lists_in_lists(condition, rule, lists, used, expected):
    """A list sees earlier lists one level deep; names that are left are replaced if their list comes later."""
    text = "".join(
        f"- list: {name}\n  items: [{items}]\n" for name, _, items in (part.partition(":") for part in lists.split())
    )

    assert f"proc.name in ({expected})" == condition(text + rule(f"proc.name in ({used})"))


def test_touching_a_list_lets_it_see_more(load, rule):
    """A list that is appended to sees the lists that were defined before that."""
    text = "- list: a\n  items: [b]\n- list: b\n  items: [x, y]\n- list: a\n  items: [z]\n  append: true\n"

    assert ("x", "y", "z") == load(text + rule("proc.name in (a)")).compiled.lists["a"]


def test_redefinition_reaches_earlier_users(condition, rule):
    """The final content of a list counts everywhere."""
    text = "- list: l\n  items: [x]\n" + rule("proc.name in (l)") + "- list: l\n  items: [y]\n"

    assert "proc.name in (y)" == condition(text)


def test_unused_list(warnings, rule):
    """A list that nothing uses gets a warning; one that only a list uses does not."""
    text = "- list: a\n  items: [x]\n- list: b\n  items: [a]\n- list: c\n  items: [z]\n"

    expected = [("LOAD_UNUSED_LIST", "List not referred to by any other rule/macro")]
    assert expected == warnings(text + rule("evt.type=open and proc.name in (b)"))


def test_edits_lead_back():
    """From a place in the expanded text the place in the text before is found, and the list."""
    expansion = ListExpander({"l": ("xx", "yy")}).expand("a.b in (l) and c")

    assert "a.b in ( xx, yy ) and c" == expansion.text
    assert (Edit(8, 1, 8, "l"),) == expansion.edits
    assert (8, "l") == expansion.origin(expansion.text.index("yy"))
    assert (15, None) == expansion.origin(expansion.text.index("c", 5))


def test_lists_that_blow_each_other_up():
    """Lists that would make a condition of gigabytes are refused at once."""
    names = [f"l{i:02}" for i in range(30)]
    lists = {name: (after,) * 10 for name, after in zip(names, [*names[1:], "x"], strict=True)}

    with pytest.raises(ExpansionTooLong, match="once list 'l0"):
        ListExpander(lists).expand("a.b in (l00)")
