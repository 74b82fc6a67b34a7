"""Where a configuration comes from: variables put in, several files joined, options set."""

import pytest

from falcohost.host.config import load_config
from falcohost.host.config.keys import key_tree, unknown_keys
from falcohost.rules.selection import Selection

# variables


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${FH_TEST}", "value"),
        ("a ${FH_TEST} b ${FH_TEST}", "a value b value"),
        ("${FH_UNSET}", ""),
        ("$${FH_TEST}", "${FH_TEST}"),
        ("a $${X} ${FH_TEST}", "a ${X} value"),
        ("$FH_TEST", "$FH_TEST"),
        ("${FH_TEST", "${FH_TEST"),
    ],
)
def test_variables(write, monkeypatch, text, expected):
    """``${X}`` is the variable or nothing, ``$${X}`` is ``${X}``, and anything else stays."""
    monkeypatch.setenv("FH_TEST", "value")
    config = load_config(write(f"plugins: [{{name: p, init_config: {{a: '{text}'}}}}]"))

    assert config.plugins.blocks["p"].settings["a"] == expected


def test_variables_are_not_put_into_keys(write, monkeypatch):
    """A key stays as it is written."""
    monkeypatch.setenv("FH_TEST", "json_output")

    root = load_config(path := write("${FH_TEST}: true")).document.root

    assert unknown_keys(root, key_tree()) == [f"{path}:1:1: unknown key ${{FH_TEST}}"]


def test_an_unset_variable_leaves_the_default(write):
    """A bool out of a variable that is not set is what it is without the key."""
    assert load_config(write("json_include_tags_property: ${FH_UNSET}")).alerts.with_tags is True


# several files


@pytest.mark.parametrize(
    ("strategy", "files", "timeout"),
    [("append", ("/", "/etc"), 5.0), ("override", ("/etc",), 5.0), ("add-only", ("/",), 1.0)],
)
def test_strategies(write, strategy, files, timeout):
    """Strategy append joins lists, override replaces keys, add-only leaves what is there; new keys always come in."""
    other = write("rules_files: [/etc]\noutput_timeout: 5000\njson_output: true", "other.yaml")
    main = write(f"config_files: [{{path: {other}, strategy: {strategy}}}]\nrules_files: [/]\noutput_timeout: 1000")

    config = load_config(main)

    assert (config.rules.files, config.outputs.timeout, config.alerts.json) == (files, timeout, True)
    assert config.document.files == [main, other]


def test_folders_are_read_in_order(write, tmp_path):
    """Of a folder the YAML files are read by name; the last value counts; other files are passed over."""
    write("output_timeout: 2000", "d/2.yaml")
    write("output_timeout: 1000", "d/1.yml")
    write("output_timeout: [", "d/3.txt")
    main = write(f"config_files: [{tmp_path}/d, /nowhere]")

    config = load_config(main)
    assert config.outputs.timeout == 2.0
    assert [str(where) for where in config.document.missing.values()] == [f"{main}:1:{len(str(tmp_path)) + 20}"]


def test_files_come_from_options_too(write):
    """``-o config_files`` is applied before the files are read, all other options behind them."""
    other = write("json_output: true\noutput_timeout: 1000", "other.yaml")

    config = load_config(write("json_output: false"), [f"config_files={other}", "output_timeout=3000"])

    assert (config.alerts.json, config.outputs.timeout) == (True, 3.0)


def test_included_files_include_nothing(error_of, write):
    """config_files in an included file is an error that names it."""
    other = write("config_files: []", "other.yaml")

    assert error_of(write(f"config_files: {other}")) == (
        f"Config error: 'config_files' directive in included config file {other}."
    )


def test_a_file_does_not_include_itself(error_of, write, tmp_path):
    """The main file in its own config_files is an error."""
    main = write(f"config_files: [{tmp_path}/falco.yaml]")

    assert "tried to recursively include main config file" in error_of(main)


def test_unknown_strategy(error_of, write):
    """A strategy that does not exist is told with its place."""
    main = write("config_files:\n  - {path: /x, strategy: replace}")

    assert error_of(main) == f"{main}:2:5: unknown strategy 'replace'; it has to be one of append, override, add-only"


# options


def test_options_reach_everywhere(write):
    """Dotted keys, indices, appending, and values in braces."""
    config = load_config(
        write("rules_files: [/nowhere, /]"),
        [
            "rules_files[0]=/etc",
            "rules_files[]=/tmp",
            "rules[].disable.rule=*",
            "rules[]={enable: {tag: mine}}",
            "syscall_event_drops.threshold=.5",
            r"falcohost.a\.b\[0\]\\=1",
        ],
    )

    assert config.rules.files == ("/etc", "/", "/tmp")
    assert config.rules.selections == (Selection(False, rule="*"), Selection(True, tag="mine"))
    assert config.others["syscall_event_drops"] == {"threshold": 0.5}
    assert config.others["falcohost"] == {"a.b[0]\\": 1}


def test_lists_in_options(write):
    """A value in brackets is a list, which may be empty; what only looks like one is a text."""
    config = load_config(write("rules_files: [/nowhere]"), ["rules_files=[/a, '/b']", "falcohost.watch_inodes=[]"])

    assert config.rules.files == ("/a", "/b")
    assert config.others["falcohost"] == {"watch_inodes": []}
    assert load_config(None, ["falcohost.state_dir=[x]y]"]).state.directory == "[x]y]"


def test_texts_in_brackets(write):
    """A key that is no list has the text itself, brackets and all."""
    options = ["append_output[].extra_output=[user=%user.name]", "rules_files[]=[a].yaml", "rules_files[]=[b]"]
    config = load_config(write("static_fields: {a: x}"), [*options, "static_fields.a=[1, 2]"])

    assert config.rules.append[0].extra_output == "[user=%user.name]"
    assert config.rules.files == ("[a].yaml", "[b]")
    assert config.static == {"a": "[1, 2]"}


def test_quotes_are_part_of_the_value(error_of, write):
    """Quotes around an option's value stay, as in Falco."""
    assert 'Unknown priority ""debug""' in error_of(write(""), 'priority="debug"')


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ("foo", 'Error parsing config option "foo". Must be of the form key=val or key.subkey=val'),
        ("priority[=1", "Config error at key \"priority[\": expected '.' at position 8"),
        ("a[x]=1", "Config error at key \"a[x]\": expected a numeric index, found 'x'"),
        ("a..b=1", 'Config error at key "a..b": expected a name at position 2'),
        ("=1", 'Config error at key "": expected a name at position 0'),
        (r"a\x=1", "Config error at key \"a\\x\": invalid escape sequence '\\x'"),
        ("rules_files[7]=x", 'Config error at key "rules_files[7]": index 7 is beyond the end of a list of 0'),
        ("json_output.x=1", "Config error at key \"json_output.x\": cannot set 'x' in a value that is not a mapping"),
        ("json_output[0]=1", 'Config error at key "json_output[0]": [0] cannot be used on a value that is not a list'),
        ("json_output=maybe", "-o json_output: json_output has to be true or false, not 'maybe'"),
        ("output_timeout=soon", "-o output_timeout: output_timeout has to be a whole number, not 'soon'"),
    ],
)
def test_malformed_options(error_of, write, option, error):
    """An error in an option is reported."""
    assert error_of(write("json_output: true\nrules_files: []"), option) == error
