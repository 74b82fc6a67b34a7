"""Appends and overrides: what they change, what they refuse, and how kind they are."""

import pytest

VALIDATE, YAML_VALIDATE = "LOAD_ERR_VALIDATE", "LOAD_ERR_YAML_VALIDATE"
DEPRECATED = (
    "LOAD_DEPRECATED_ITEM",
    "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: append') under 'override' instead.",
)


def test_legacy_append_of_a_list(condition, rule):
    """``append: true`` adds items behind the others."""
    text = "- list: l\n  items: [a]\n- list: l\n  items: [b]\n  append: true\n"

    assert "proc.name in (a, b)" == condition(text + rule("proc.name in (l)"))


def test_append_false_redefines(condition, rule):
    """``append: false`` is as good as no append."""
    text = "- list: l\n  items: [a]\n- list: l\n  items: [b]\n  append: false\n"

    assert "proc.name in (b)" == condition(text + rule("proc.name in (l)"))


@pytest.mark.parametrize(("how", "expected"), [("append", "proc.name in (a, b)"), ("replace", "proc.name in (b)")])
def test_override_of_a_list(condition, rule, how, expected):
    """Items of a list can be appended or replaced."""
    text = f"- list: l\n  items: [a]\n- list: l\n  items: [b]\n  override: {{items: {how}}}\n"

    assert expected == condition(text + rule("proc.name in (l)"))


def test_replacing_items_defines_a_list_that_is_not_there(condition, rule):
    """``items: replace`` needs no list to replace."""
    text = "- list: l\n  items: [b]\n  override: {items: replace}\n"

    assert "proc.name in (b)" == condition(text + rule("proc.name in (l)"))


def test_appending_to_a_macro_is_textual(condition, rule):
    """Text appended to a macro is parsed together with the existing text, so that precedence decides."""
    text = "- macro: m\n  condition: evt.type=open or evt.type=dup\n"
    text += "- macro: m\n  condition: and fd.num=1\n  override: {condition: append}\n"

    assert "(evt.type = open or (evt.type = dup and fd.num = 1))" == condition(text + rule("m"))


def test_appending_to_a_rule_is_textual(condition, rule):
    """Text appended to a condition is parsed together with the existing text."""
    text = rule("evt.type=open or evt.type=dup") + "- rule: r\n  condition: and fd.num=1\n  append: true\n"

    assert "(evt.type = open or (evt.type = dup and fd.num = 1))" == condition(text)


def test_legacy_append_takes_conditions_and_exceptions_alone(load, rule):
    """Other keys of an item with ``append: true`` are ignored in silence."""
    outcome = load(rule() + "- rule: r\n  condition: and fd.num=1\n  output: other\n  append: true\n")

    assert "out" == outcome.ruleset.rules[0].output.text
    assert [DEPRECATED] == [(problem.code.name, problem.message) for problem in outcome.results[0].warnings]


def test_appending_to_every_key_that_can_be(load, rule):
    """Conditions, outputs and descriptions are joined with a blank, tags are united."""
    text = rule("evt.type=open", "tags: [b]")
    text += "- rule: r\n  condition: and fd.num=1\n  output: more\n  desc: e\n  tags: [a]\n"
    text += "  override: {condition: append, output: append, desc: append, tags: append}\n"
    (found,) = load(text).ruleset.rules

    assert ("out more", "d e", ("a", "b")) == (found.output.text, found.description, found.tags)


def test_replacing_every_key_that_can_be(load, rule):
    """All but name and source can be replaced."""
    keys = {
        "condition": "evt.type=dup",
        "output": "new",
        "desc": "e",
        "priority": "ERROR",
        "tags": "[c]",
        "enabled": "false",
        "warn_evttypes": "false",
        "skip-if-unknown-filter": "true",
        "capture": "true",
        "capture_duration": "7",
        "exceptions": "[]",
    }
    text = rule("evt.type=open", "tags: [b]", "exceptions: [{name: e, fields: proc.name, values: [x]}]")
    text += "- rule: r\n" + "".join(f"  {key}: {value}\n" for key, value in keys.items())
    text += "  override: {" + ", ".join(f"{key}: replace" for key in keys) + "}\n"
    outcome = load(text)
    (found,) = outcome.ruleset.rules
    definition = outcome.collector.rules["r"]

    assert ("new", "e", 3, ("c",), False) == (
        found.output.text,
        found.description,
        found.priority,
        found.tags,
        found.enabled,
    )
    assert ("evt.type=dup", (), True, 7, False, True) == (
        definition.condition.value,
        definition.exceptions,
        definition.capture,
        definition.capture_duration,
        definition.warn_evttypes,
        definition.skip_if_unknown_filter,
    )


def test_append_comes_before_replace(load, rule):
    """One item may append to some keys and replace others."""
    text = rule() + "- rule: r\n  condition: and fd.num=1\n  output: new\n"
    outcome = load(text + "  override: {output: replace, condition: append}\n")

    assert "evt.type=open and fd.num=1" == outcome.collector.rules["r"].condition.value
    assert "new" == outcome.ruleset.rules[0].output.text


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("priority: INFO|{priority: append}", "Key 'priority' cannot be appended to, use 'replace' instead"),
        ("source: okta|{source: append}", "Key 'source' cannot be appended to, use 'replace' instead"),
        ("source: okta|{source: replace}", "Key 'source' cannot be replaced"),
        (
            "desc: x|{desc: remove}",
            "Invalid override operation for key 'desc': 'remove'. Allowed values are: append replace ",
        ),
        (
            "priority: INFO|{priority: remove}",
            "Invalid override operation for key 'priority': 'remove'. Allowed values are: replace ",
        ),
        (
            "foo: x|{foo: remove}",
            "Invalid override operation for key 'foo': 'remove'. Allowed values are: ",
        ),
        ("desc: x|{output: append}", "An append override for 'output' was specified but 'output' is not defined"),
        ("desc: x|{output: replace}", "An replace override for 'output' was specified but 'output' is not defined"),
        (
            "desc: x\n  output: y|{output: append}",
            "Unexpected key 'desc': no corresponding entry under 'override' is defined.",
        ),
        (
            "desc: x\n  append: true|{desc: append}",
            "Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry (e.g. 'condition: "
            "append') under 'override' instead.",
        ),
    ],
)
def test_overrides_that_cannot_be(errors, rule, item, message):
    """An override that makes no sense is refused in Falco's words."""
    keys, override = item.split("|")

    assert [(YAML_VALIDATE, message)] == errors(rule() + f"- rule: r\n  {keys}\n  override: {override}\n")


@pytest.mark.parametrize("override", ["[desc]", "{desc: [append]}"])
def test_override_that_is_no_map(errors, rule, override):
    """An override of a wrong shape is refused."""
    message = "'override' is not a map of keys to 'append' or 'replace'"
    assert [(VALIDATE, message)] == errors(rule() + f"- rule: r\n  desc: x\n  override: {override}\n")


def test_source_beside_an_override_is_ignored(load, rule):
    """A key that cannot be overridden is ignored next to one that is."""
    text = rule() + "- rule: r\n  desc: e\n  source: syscall\n  override: {desc: replace}\n"

    assert "e" == load(text).ruleset.rules[0].description


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "- list: l\n  items: [a]\n  append: true\n",
            "List uses 'append' or 'override.items: append' but no list by that name already exists",
        ),
        (
            "- macro: m\n  condition: fd.num=1\n  override: {condition: append}\n",
            "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists",
        ),
        (
            "- rule: r\n  condition: fd.num=1\n  append: true\n",
            "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists",
        ),
        (
            "- rule: r\n  desc: e\n  override: {desc: append}\n",
            "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists",
        ),
        (
            "- rule: r\n  desc: e\n  override: {desc: replace}\n",
            "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists",
        ),
        ("- rule: r\n  enabled: false\n", "Rule has 'enabled' key but no rule by that name already exists"),
    ],
)
def test_nothing_to_change(errors, text, message):
    """A change to something that does not exist yet is refused."""
    assert [(VALIDATE, message)] == errors(text)


def test_append_to_what_is_defined_later_is_refused(errors, rule):
    """The order of items counts."""
    ((code, _),) = errors("- rule: r\n  condition: and fd.num=1\n  append: true\n" + rule())

    assert VALIDATE == code


def test_changes_to_a_refused_rule_are_not_blamed(errors):
    """A rule that was refused is reported once, not again for every item that changes it."""
    text = "- rule: r\n  condition: evt.type=open\n" + "- rule: r\n  condition: and fd.num=1\n  append: true\n"

    assert [(YAML_VALIDATE, "Item has no mapping for key 'output'")] == errors(text)


def test_legacy_append_of_nothing(errors, rule):
    """An append without condition and exceptions is refused."""
    text = rule() + "- rule: r\n  desc: e\n  append: true\n"

    assert [(VALIDATE, "Appended rule must have exceptions or condition property")] == errors(text)


def test_redefinition_keeps_the_place(load, rule):
    """A rule that is defined again has its new properties at its old place."""
    outcome = load(rule(name="a") + rule(name="b"), rule("evt.type=dup", name="a", output="new"))

    assert [("a", "new"), ("b", "out")] == [(found.name, found.output.text) for found in outcome.ruleset.rules]


def test_redefinition_with_another_source(errors, rule):
    """A rule stays with its source."""
    text = rule() + rule("okta.severity=1", "source: okta")

    assert [(VALIDATE, "Rule has been re-defined with a different source")] == errors(text)


def test_enabled_alone(load, rule):
    """``enabled`` alone turns a rule on or off, and is deprecated."""
    outcome = load(rule() + "- rule: r\n  enabled: false\n")

    message = "The standalone 'enabled' key usage is deprecated. The correct approach requires also a 'replace' entry "
    message += "under the 'override' key (i.e. 'enabled: replace')."
    assert not outcome.ruleset.rules[0].enabled
    assert [("LOAD_DEPRECATED_ITEM", message)] == [(w.code.name, w.message) for w in outcome.results[0].warnings]


@pytest.mark.parametrize("kind", ["rule", "macro"])
def test_leading_word_append_is_left_out(load, rule, kind):
    """Kinder than Falco: an appended condition may begin with the word ``append``; a warning says so."""
    text = "- macro: m\n  condition: evt.type=open\n" + rule("m")
    name = "r" if kind == "rule" else "m"
    text += f"- {kind}: {name}\n  condition: append and fd.num=1\n  override: {{condition: append}}\n"
    outcome = load(text)
    definitions = {**outcome.collector.macros, **outcome.collector.rules}

    assert outcome.ok
    assert definitions[name].condition.value.endswith(" and fd.num=1")
    assert "append" not in definitions[name].condition.value
    assert ["LOAD_COMPILE_CONDITION"] == [problem.code.name for problem in outcome.results[0].warnings]
