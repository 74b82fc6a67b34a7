"""The configuration: its defaults, its values typed, mistakes told with their place."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from falcohost import ConfigError, Priority
from falcohost.hookspecs import OutputSpec
from falcohost.host.config import find_config, load_config, parse
from falcohost.host.config.document import read_text
from falcohost.host.config.key_table import KEYS
from falcohost.host.config.keys import config_schema, key_tree, keys_without_effect, unknown_keys
from falcohost.host.config.overrides import apply_option
from falcohost.host.config.rules import rules_files
from falcohost.host.missing_files import MissingFiles
from falcohost.host.plugins import Plugin, Plugins, load_plugins


@pytest.fixture(scope="module")
def everything(root):
    """Return a configuration with every key."""
    return (root / "tests" / "host" / "everything.yaml").read_text()


# defaults


def test_no_file_means_stdout(monkeypatch):
    """Without any file alerts go to stdout, messages to stderr, and rules come from plugins."""
    monkeypatch.setattr("falcohost.host.config.DEFAULT_FILES", ())

    config = load_config()

    assert list(config.outputs.enabled) == ["stdout"]
    assert (config.log.stderr, config.log.syslog, config.log.level) == (True, False, "info")
    assert config.rules.files is None
    assert config.rules.minimum is Priority.DEBUG


def test_first_default_file_is_taken(monkeypatch, write):
    """Of the default files the first that exists is read."""
    here = write("json_output: true")
    monkeypatch.setattr("falcohost.host.config.DEFAULT_FILES", ("/nowhere/falcohost.yaml", here))

    assert find_config(None) == here
    assert load_config().alerts.json


def test_named_file_has_to_be_there(error_of):
    """A file that was named and is not there is an error in Falco's words."""
    assert error_of("/nowhere/falco.yaml") == "Could not find configuration file at /nowhere/falco.yaml"


def test_falcos_own_file_is_read_without_a_warning(root):
    """The values of Falco's default configuration are all known; those without effect are named."""
    path = root / "tests" / "host" / "everything.yaml"

    config = load_config(str(path))

    known = load_plugins([], config.for_plugins).known_keys()

    assert unknown_keys(config.document.root, known) == []
    assert config.document.warnings == []
    found = keys_without_effect(config.document.root, known)
    assert [one.key for one in found] == ["engine.modern_ebpf.cpus_for_each_buffer"]
    assert all(one.reason for one in found)
    assert list(config.outputs.enabled) == ["stdout", "syslog"]


def test_an_empty_file_is_a_configuration(write):
    """An empty file leaves the defaults."""
    assert list(load_config(write("")).outputs.enabled) == ["stdout"]


def test_another_output_switches_stdout_off(write):
    """Where an output has a block, stdout has to be asked for, as in Falco."""
    config = load_config(write("file_output: {enabled: true, filename: /tmp/x}"))

    assert ["file"] == list(config.outputs.enabled)
    assert {"filename": "/tmp/x", "keep_alive": False}.items() <= config.outputs.enabled["file"].block.items()


# values


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("ON", True), ("n", False), ("False", False)])
def test_bools_as_yaml_has_them(write, text, value):
    """The words for true and false are those of yaml-cpp."""
    assert load_config(write(f"json_output: {text}")).alerts.json is value


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("json_output: [1]", "1:14: json_output has to be a single value"),
        ("json_output: trUe", "1:14: json_output has to be true or false, not 'trUe'"),
        ("a: 1\npriority: loud", '2:11: Unknown priority "loud"--must be one of emergency, alert, critical, error,'),
        ("log_level: loud", "1:12: Unknown log level loud; it has to be one of emergency"),
        ("rule_matching: some", '1:16: Unknown rule matching strategy "some"--must be one of first, all'),
        ("rules: [{enable: {}}]", "1:18: rules[0].enable needs a rule or a tag"),
        ("rules: [{}]", "1:9: an entry of rules has to be either 'enable' or 'disable'"),
        ("file_output: {enabled: true}", "1:14: file_output.filename has to be set"),
        ("falcohost: {alerts: {max_age_days: 0}}", "1:36: falcohost.alerts.max_age_days has to be 1 or more, not 0"),
        (
            "falcohost: {watch_interval: 0.05}",
            "1:29: falcohost.watch_interval has to be 0.1 to 3600 seconds, not 0.05",
        ),
        ("falcohost: {limits: [{max: 3}]}", "1:22: falcohost.limits[0].rule has to be the name of a rule"),
        (
            "falcohost: {limits: [{rule: Settings of the agent changed, per: 1m}]}",
            "1:29: falcohost.limits[0].rule 'Settings of the agent changed' is about falcohost itself",
        ),
        (
            "falcohost: {limits: [{rule: r, max: 0, per: 1m}]}",
            "1:37: falcohost.limits[0].max has to be 1 or more, not 0",
        ),
        (
            "falcohost: {limits: [{rule: r, per: soon}]}",
            "1:37: falcohost.limits[0].per has to be a time such as 30s, 1m or 2h, 7d at most, not 'soon'",
        ),
        ("falcohost: {limits: [{rule: r, per: 8d}]}", "1:37: falcohost.limits[0].per has to be a time such as 30s"),
        ("falcohost: {limits: [{rule: r, max: 3}]}", "1:22: falcohost.limits[0].per or suppress is needed"),
        ("falcohost: {fold: {after: 0}}", "1:27: falcohost.fold.after has to be 1 or more, not 0"),
        (
            "falcohost: {fold: {window: 0}}",
            "1:28: falcohost.fold.window has to be more than 0 and at most 3600 seconds",
        ),
        (
            "falcohost: {lookups: {wait: 3}}",
            "1:29: falcohost.lookups.wait has to be more than 0 and less than 3 seconds",
        ),
        ("plugins: [{library_path: x}]", "1:11: plugins[0].name is missing"),
        ("plugins: [{name: p, init_config: '{'}]", "1:34: plugins[0].init_config is not valid JSON"),
        ("rules_files: []\nrules_file: []", "2:13: both 'rules_files' and 'rules_file' keys set"),
        ("a: [1, 2", "2:1: invalid YAML: "),
        ("- a", "1:1: a configuration file has to be a YAML mapping"),
        ("{[a]: 1}", "1:2: a key has to be a string"),
        ("[" * 100 + "]" * 100, "1:66: more than 64 levels"),
    ],
)
def test_mistakes_are_told_with_their_place(error_of, write, text, error):
    """A value that cannot be is an error with file, line and column."""
    path = write(text)

    assert error_of(path).startswith(f"{path}:{error}")


def test_a_tab_is_called_so(error_of, write):
    """Nobody sees it in an editor, so the message names it."""
    path = write("engine:\n\tkind: nodriver\n")

    assert error_of(path).startswith(f"{path}:2:1: invalid YAML: ")
    assert error_of(path).endswith("; this is a tab, and YAML indents with blanks only")


def test_a_loop_of_links_is_called_so(error_of, tmp_path):
    """A file that is there and leads nowhere is not only not found."""
    (tmp_path / "loop").symlink_to("loop")

    expected = f"Could not find configuration file at {tmp_path}/loop: Too many levels of symbolic links"
    assert expected == error_of(str(tmp_path / "loop"))


def test_aliases_do_not_explode(error_of, write):
    """A file of a few lines that stands for billions of values is refused."""
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 30)]

    assert "check the file for aliases (*name)" in error_of(write("\n".join(lines)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_text_is_read_or_refused(everything, write, data):
    """A file cut and changed anywhere is a configuration or a ConfigError, never another exception."""
    start, end = sorted((data.draw(st.integers(0, len(everything))), data.draw(st.integers(0, len(everything)))))
    text = (
        everything[:start] + data.draw(st.text("{}[]:,-#&*!|>'\"%@`$\n\t\x00 \x85é0ay", max_size=8)) + everything[end:]
    )

    with contextlib.suppress(ConfigError):
        config = load_config(write(text))
        unknown_keys(config.document.root, key_tree())
        keys_without_effect(config.document.root, key_tree())


@given(st.text("ab.[]\\={}0: ,", max_size=20))
def test_any_option_is_set_or_refused(option):
    """An option of any form is set or is a ConfigError."""
    document = read_text("a: {b: [1, {a: 2}]}", "test")

    with contextlib.suppress(ConfigError):
        apply_option(document, option)


def test_binary_is_no_configuration(error_of, tmp_path):
    """A file that is not text is an error, not a traceback."""
    path = tmp_path / "falco.yaml"
    path.write_bytes("priority: é".encode("latin-1"))

    error = error_of(str(path))
    assert error.startswith(f"{path}: the configuration is not UTF-8 text")
    assert error.endswith(f"save it as UTF-8, for example with: iconv -f LATIN1 -t UTF-8 {path}")


def test_encodings(tmp_path):
    """A configuration may be in any encoding that YAML has."""
    path = tmp_path / "falco.yaml"
    path.write_text("priority: error", encoding="utf-16")

    assert Priority.ERROR is load_config(str(path)).rules.minimum


def test_unknown_keys_have_a_hint(write):
    """A key that is not known is told with its place and the near name; a plugin's output is known."""
    path = write("json_ouput: true\nfile_output:\n  file_name: x\nshout_output: {mark: x}\nzzz: 1")
    shout = OutputSpec(name="shout", description="D.", make=None)
    known = Plugins((Plugin(name="p", distribution="d", version="1", outputs=(shout,)),)).known_keys()

    assert unknown_keys(load_config(path).document.root, known) == [
        f"{path}:1:1: unknown key json_ouput; did you mean json_output?",
        f"{path}:3:3: unknown key file_output.file_name; did you mean file_output.filename?",
        f"{path}:5:1: unknown key zzz",
    ]


def test_a_key_that_is_there_twice(write):
    """The first of two equal keys counts, as in Falco, and a warning says so."""
    config = load_config(path := write("json_output: true\njson_output: false"))

    assert config.alerts.json
    assert config.document.warnings == [f"{path}:2:1: duplicate key 'json_output'; the first one is used"]


def test_only_what_is_on_has_no_effect(write):
    """A section that is switched off is not complained of."""
    config = load_config(
        write(
            "metrics: {enabled: false, interval: 1h}\nwebserver: {threadiness: 4}\ncapture:\n"
            "outputs_queue: {capacity: 0}\nlibs_logger: {enabled: false, severity: info}"
        )
    )

    assert [one.key for one in keys_without_effect(config.document.root, key_tree())] == ["webserver.threadiness"]


# plugins and rules


def test_load_plugins(write):
    """Without load_plugins all blocks are loaded, with it those that it names, in its order."""
    blocks = "plugins: [{name: a, init_config: {x: 1}}, {name: b, open_params: 's', init_config: '{\"y\": true}'}]\n"

    everything = load_config(write(blocks)).plugins
    some = load_config(write(blocks + "load_plugins: [b]")).plugins

    assert (everything.names, some.names) == (("a", "b"), ("b",))
    assert everything.blocks["a"].settings == {"x": 1}
    assert everything.blocks["b"].settings == {"y": True, "open_params": "s"}


def test_rules_files_that_are_not_there(write):
    """All of them are named with their places where rules are loaded; rules_file is the old name."""
    rules = load_config(write("rules_files: [/nowhere.yaml, /etc,\n  /nor/here]")).rules
    with pytest.raises(MissingFiles) as error:
        rules_files(rules.files, rules.places)

    assert str(error.value).replace(rules.places[0].file, "FILE") == (
        "FILE:1:15: rules_files names /nowhere.yaml, which is not there\n"
        "FILE:2:3: rules_files names /nor/here, which is not there; put them there, or do not name them"
    )
    assert error.value.paths == ("/nowhere.yaml", "/nor/here")
    assert load_config(write("rules_file: /etc")).rules.files == ("/etc",)


def test_rules_files_of_a_folder(write, tmp_path):
    """A folder is its YAML files in order; a file with another ending is left out."""
    for name in ("b.yaml", "a.yml", "c.txt", "../x.yaml", "../x.txt"):
        write("", f"rules/{name}")

    assert rules_files((f"{tmp_path}/rules", f"{tmp_path}/x.txt", f"{tmp_path}/x.yaml")) == [
        f"{tmp_path}/rules/a.yml",
        f"{tmp_path}/rules/b.yaml",
        f"{tmp_path}/x.yaml",
    ]


def test_schema_has_every_key():
    """The JSON schema is made from the same table."""
    properties = config_schema(key_tree())["properties"]

    assert properties["file_output"]["properties"]["filename"] == {"type": "string", "description": "path of the file"}
    assert properties["rule_matching"]["enum"] == ["first", "all"]
    assert properties["rules"]["items"]["properties"]["enable"]["properties"]["tag"]["type"] == "string"


def test_defaults_are_those_of_the_reference():
    """A key that is set to the default of the reference says the same as one that is not there."""
    text = "stdout_output: {enabled: true}"
    plain = parse(read_text(text, "test"))
    for key in KEYS:
        if key.default is not None and "[]" not in key.key:
            document = read_text(text, "test")
            value = str(key.default).lower() if isinstance(key.default, bool) else str(key.default)
            apply_option(document, f"{key.key}={value}")

            assert plain == replace(parse(document), document=plain.document), key.key


def test_what_plugins_are_told_is_compared(write):
    """Two configurations that differ in the key of a plugin are not equal."""
    configs = [
        load_config(write(text)) for text in ("shop: {url: a}", "shop: {url: b}", "shop: {url: b}\npriority: debug")
    ]
    one, other, same = (replace(config, document=configs[0].document) for config in configs)

    assert one != other == same
