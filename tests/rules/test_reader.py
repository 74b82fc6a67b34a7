"""The reader: items, required keys, the types of values, and that one bad item does not hide the next."""

import pytest

VALIDATE = "LOAD_ERR_YAML_VALIDATE"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("just text", VALIDATE, "Rules content is not yaml"),
        ("a: b", VALIDATE, "Rules content is not yaml array of objects"),
        ("- 5", VALIDATE, "Unexpected element type. Each element should be a yaml associative array."),
        ("- [a]", VALIDATE, "Unexpected element type. Each element should be a yaml associative array."),
        ("- list:\n  items: []", VALIDATE, "Mapping for key 'list' is empty"),
        ("- list: [a]\n  items: []", VALIDATE, "Value is not a scalar value"),
        ('- list: ""\n  items: []', VALIDATE, "Value must be non-empty"),
        ("- list: a", VALIDATE, "Item has no mapping for key 'items'"),
        ("- list: a\n  items: x", VALIDATE, "Value is not a sequence"),
        ("- list: a\n  items: [x, [y]]", VALIDATE, "sequence value is not scalar"),
        ("- list: a\n  items: []\n  append: maybe", VALIDATE, "Can't decode YAML scalar value"),
        ("- macro: a", VALIDATE, "Item has no mapping for key 'condition'"),
        ("- rule: a\n  desc: d", VALIDATE, "Item has no mapping for key 'condition'"),
        ("- rule: a\n  condition: x", VALIDATE, "Item has no mapping for key 'output'"),
        ("- rule: a\n  condition: x\n  output: o", VALIDATE, "Item has no mapping for key 'desc'"),
        ("- rule: a\n  condition: x\n  output: o\n  desc: d", VALIDATE, "Item has no mapping for key 'priority'"),
        ("- rule: a\n  tags: [x]", VALIDATE, "Item has no mapping for key 'enabled'"),
        ("- rule: a\n  override: {}", VALIDATE, "Item has no mapping for key 'enabled'"),
        ("- required_engine_version: [1]", VALIDATE, "Value is not a scalar value"),
        (
            "- required_engine_version: new",
            VALIDATE,
            "Unable to parse engine version 'new' as a semver string. Expected \"x.y.z\" semver format.",
        ),
        ("- required_plugin_versions: 5", VALIDATE, "Value of required_plugin_versions must be a sequence"),
        ("- required_plugin_versions: [5]", VALIDATE, "Plugin version must be a mapping"),
        ("- required_plugin_versions: [{name: a}]", VALIDATE, "Item has no mapping for key 'version'"),
        (
            "- required_plugin_versions: [{name: a, version: 1.0.0, alternatives: 5}]",
            VALIDATE,
            "Value of plugin version alternatives must be a sequence",
        ),
        (
            "- required_plugin_versions: [{name: a, version: 1.0.0, alternatives: [5]}]",
            VALIDATE,
            "Plugin version alternative must be a mapping",
        ),
        ("- {[a]: b}", "LOAD_ERR_YAML_PARSE", "yaml-cpp: error at line 1, column 4: bad conversion"),
    ],
)
def test_structure(errors, text, code, message):
    """Each wrong structure has its message."""
    assert [(code, message)] == errors(text)


def test_bad_yaml(errors):
    """A file that is not YAML has one error, with the place."""
    ((code, message),) = errors("- list: a\n   items: []\n")

    assert ("LOAD_ERR_YAML_PARSE", True) == (code, message.startswith("yaml-cpp: error at line 2, column 9: "))


def test_priorities(load, rule):
    """Priorities are read in any case, and ``info`` is short for ``informational``."""
    names = ["emergency", "ALERT", "Critical", "error", "warning", "notice", "INFO", "Informational", "debug"]
    outcome = load("".join(rule(name=str(i), priority=name) for i, name in enumerate(names)))

    assert [0, 1, 2, 3, 4, 5, 6, 6, 7] == [found.priority for found in outcome.ruleset.rules]


def test_bad_priority(load, rule):
    """A priority that there is not is an error with the near name."""
    (problem,) = load(rule(priority="warn")).results[0].errors

    assert ("Invalid priority", "did you mean 'warning'?") == (problem.message, problem.hint)


def test_unknown_keys_are_ignored_with_a_warning(warnings, rule):
    """A key that no such item has is named, and a near one suggested."""
    expected = [("LOAD_UNKNOWN_KEY", "Unknown key 'tag'. The key will be ignored.")]
    assert expected == warnings(rule("evt.type=open", "tag: [a]"))


def test_unknown_keys_in_exceptions_are_not_looked_at(warnings, rule):
    """Nobody checks the keys of an exception."""
    text = rule("evt.type=open", "exceptions:\n    - {name: e, fields: proc.name, value: [a]}")

    assert [] == warnings(text)


def test_unknown_items_are_ignored_with_a_warning(warnings):
    """An item of no known kind is left out."""
    assert [("LOAD_UNKNOWN_ITEM", "Unknown top level item")] == warnings("- rules: a\n")


def test_null_items_are_left_out(warnings):
    """An item that is null is nothing at all."""
    assert [] == warnings("-\n- ~\n- null\n")


def test_output_is_trimmed(load, rule):
    """White space around an output does not count."""
    outcome = load(rule(output='"  a %proc.name\\n"'))

    assert "a %proc.name" == outcome.ruleset.rules[0].output.text


def test_defaults(load, rule):
    """A rule with the required keys alone is on, for system calls, without tags."""
    (found,) = load(rule()).ruleset.rules

    assert ("syscall", True, (), "d") == (found.source, found.enabled, found.tags, found.description)


def test_tags_are_a_set(load, rule):
    """Tags are sorted and each is there once."""
    assert ("a", "b") == load(rule("evt.type=open", "tags: [b, a, b]")).ruleset.rules[0].tags


def test_bad_items_do_not_hide_each_other(errors, rule):
    """Every item that is wrong is reported, in order, and the good ones are loaded."""
    text = "- list: a\n- rule: b\n  desc: d\n" + rule() + rule("proc.nope=1", name="c")

    expected = [
        (VALIDATE, "Item has no mapping for key 'items'"),
        (VALIDATE, "Item has no mapping for key 'condition'"),
        ("LOAD_ERR_COMPILE_CONDITION", "filter_check called with nonexistent field proc.nope"),
    ]
    assert expected == errors(text)


def test_all_documents_are_read(load, rule):
    """A bad document does not keep the next from being read."""
    outcome = load("a: b\n---\n" + rule())

    assert (["r"], 1) == ([found.name for found in outcome.ruleset.rules], len(outcome.results[0].errors))


def test_first_of_two_equal_keys_counts(load):
    """Of a key that is there twice the first value is taken."""
    assert ["a"] == list(load("- list: a\n  list: b\n  items: []\n").collector.lists)


def test_merge_keys_are_plain_keys(load):
    """``<<`` does not merge, as in Falco; it is an unknown key."""
    result = load("- &x {list: a, items: []}\n- {<<: *x, list: b, items: []}\n").results[0]

    assert "Unknown key '<<'. The key will be ignored." in [problem.message for problem in result.warnings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- {list: 'a b', items: []}", ("LOAD_INVALID_LIST_NAME", """([^()"'[:space:]=,]+)""")),
        ("- {macro: 'a b', condition: 'evt.type=open'}", ("LOAD_INVALID_MACRO_NAME", "([a-zA-Z]+[a-zA-Z0-9_]*)")),
        ("- {macro: a-b, condition: 'evt.type=open'}", ("LOAD_INVALID_MACRO_NAME", "([a-zA-Z]+[a-zA-Z0-9_]*)")),
    ],
)
def test_names_that_nobody_can_use(warnings, text, expected):
    """A list or macro whose name no condition can have gets a warning that shows the rule for names."""
    code, message = warnings(text)[0]

    assert expected == (code, message.rpartition(" ")[2])


@pytest.mark.parametrize("version", ["0", "62", "0.62.0", "0.5.9", '"0.10.1"', "0.62.0-rc1"])
def test_engine_version_that_will_do(load, version):
    """Older versions of the engine will do, a whole number being the middle one."""
    assert load(f"- required_engine_version: {version}\n").ok


@pytest.mark.parametrize(("version", "shown"), [("63", "0.63.0"), ("0.62.1", "0.62.1"), ("1.0.0", "1.0.0")])
def test_engine_version_that_will_not_do(errors, version, shown):
    """A newer one, or another major one, will not do."""
    message = f"Rules require engine version {shown}, but engine version is 0.62.0"
    assert [("LOAD_ERR_VALIDATE", message)] == errors(f"- required_engine_version: {version}\n")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{name: a, version: new}", "Invalid required version 'new' for plugin 'a'"),
        (
            "{name: a, version: 1.0.0, alternatives: [{name: a, version: 2.0.0}]}",
            "Defined multiple alternative version requirements for plugin 'a'",
        ),
    ],
)
def test_plugin_version_that_makes_no_sense(errors, entry, message):
    """A requirement of a plugin needs a version, and names each plugin once."""
    assert [("LOAD_ERR_VALIDATE", message)] == errors(f"- required_plugin_versions: [{entry}]\n")
