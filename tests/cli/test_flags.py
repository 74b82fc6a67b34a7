"""Falco's flags that print something and end."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys

import pytest

from falcohost.host.extras import DEFAULT

#: Names the plugin of the tests, which is another distribution's.
NAMED = ("-o", "load_plugins[]=numbers")

RULE = """
- macro: a_number
  condition: number.value > 0
- rule: A rule
  desc: What it is for.
  condition: a_number
  output: hello %number.value
  priority: INFO
  source: numbers
"""


def test_version(falcohost):
    """--version names falcohost's own version, and the Falco and engine that it stands for."""
    done = falcohost("--version")

    assert done.returncode == 0
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "Falcohost version",
        "Falco version",
        "Engine",
    ]


def test_version_as_json(falcohost):
    """With json_output it is one object with Falco's keys and our own."""
    done = falcohost("--version", "-o", "json_output=true")

    found = json.loads(done.stdout)
    assert {"engine_version", "engine_version_semver", "falco_version", "libs_version"} <= set(found)
    assert found["engine_version"] == "62"


def test_list(falcohost, setup):
    """--list=SOURCE lists that source's fields with their classes and descriptions."""
    done = falcohost(*setup(), "--list=numbers")

    assert done.returncode == 0
    assert "Field Class:                  number\nEvent Sources:                numbers\n" in done.stdout
    assert "number.value                  The number.\n" in done.stdout
    assert "proc.name" not in done.stdout


def test_list_of_a_source_that_is_not_configured(falcohost):
    """A source whose plugin is named can be listed without a configuration; one of falcohost's need not be."""
    assert "json.value" in falcohost("--list=json", "-N").stdout.split()
    assert "must be a valid source type" in falcohost("--list=numbers", "-N").stderr
    assert "number.value" in falcohost(*NAMED, "--list=numbers", "-N").stdout.split()


def test_list_names_of_all(falcohost, setup):
    """-N prints the names alone, of every loaded source."""
    names = falcohost(*setup(), "--list", "-N").stdout.split()

    assert {"evt.num", "proc.name", "number.value"} <= set(names)


def test_list_with_types(falcohost, setup):
    """-v adds the types, as in Falco."""
    assert (
        "number.value                  (Type: UINT64) The number.\n"
        in falcohost(*setup(), "-v", "--list=numbers").stdout
    )


def test_list_as_json(falcohost, setup):
    """--format json has Falco's structure."""
    found = json.loads(falcohost(*setup(), "--list=numbers", "--format", "json").stdout)

    (number,) = [one for one in found["fieldclasses"] if one["name"] == "number"]
    assert number["event_sources"] == ["numbers", "others"][:1]
    assert number["fields"][0] == {
        "argument": None,
        "desc": "The number.",
        "is_list": False,
        "name": "number.value",
        "type": "UINT64",
    }


def test_list_as_markdown(falcohost, setup):
    """--markdown is an old name for --format markdown, and says so."""
    done = falcohost(*setup(), "--list=numbers", "--markdown")

    assert "`number.value` | UINT64 | The number.\n" in done.stdout
    assert "WARNING: --markdown is deprecated" in done.stderr


def test_list_events(falcohost, setup):
    """--list-events names the event types of each source, with their parameters where the source tells them."""
    text = falcohost(*setup(), "--list-events").stdout

    assert "## Numbers events\n\n< number()\n" in text
    assert "\n< close(ERRNO **res**, FD **fd**)\n" in text


def test_list_events_as_markdown_and_json(falcohost, setup):
    """The other forms of --list-events are Falco's too."""
    table = falcohost(*setup(), "--list-events", "--format", "markdown").stdout
    found = json.loads(falcohost(*setup(), "--list-events", "--format", "json").stdout)

    assert "\nYes | `<` | `close` | ERRNO **res**, FD **fd**\n" in table
    (close,) = [event for event in found["Syscall events"] if event["name"] == "close"]
    params = [{"name": "res", "type": "ERRNO"}, {"name": "fd", "type": "FD"}]
    assert {"available": True, "dir": "<", "name": "close", "params": params} == close
    (openat,) = [event for event in found["Syscall events"] if event["name"] == "openat"]
    assert "O_RDONLY" in next(param for param in openat["params"] if param["name"] == "flags")["flags"]


def test_list_plugins(falcohost, setup):
    """--list-plugins counts and describes the loaded plugins; --plugin-info describes one."""
    everything = falcohost(*setup(), "--list-plugins").stdout
    one = falcohost(*setup(), "--plugin-info", "numbers").stdout

    names = re.findall("^Name: (.+)$", everything, re.MULTILINE)
    assert sorted(names) == sorted([*DEFAULT, "numbers"])
    assert everything.startswith(f"{len(names)} Plugins Loaded:\n\n")
    assert one in everything
    assert "Name: numbers\nDistribution: falcohost-numbers\nVersion: 1.0\n" in one


def test_validate(falcohost, tmp_path):
    """-V says Ok on stdout; the fields of plugins that are named are known without a configuration."""
    (tmp_path / "rules.yaml").write_text(RULE)

    done = falcohost(*NAMED, "-V", "rules.yaml")

    assert (done.returncode, done.stdout) == (0, "rules.yaml: Ok\n")


def test_validating_says_how_to_get_a_source(falcohost, tmp_path):
    """The verdict is Falco's; the log says what would bring the source, a plugin to name if nothing else is known."""
    rule = {"rule": "x", "desc": "d", "condition": "evt.type = open", "output": "x", "priority": "INFO"}
    (tmp_path / "near.yaml").write_text(json.dumps([rule | {"source": "syscal"}]))
    (tmp_path / "far.yaml").write_text(json.dumps([rule | {"rule": "y", "source": "elsewhere"}]))
    done = falcohost("-V", "near.yaml", "-V", "far.yaml")

    assert (0, "near.yaml: Ok, with warnings\nfar.yaml: Ok, with warnings\n") == (done.returncode, done.stdout)
    assert "Unknown source syscal, skipping: did you mean 'syscall'?" in done.stderr
    assert "Unknown source elsewhere, skipping: if an installed plugin has it, name the plugin: " in done.stderr
    assert "(-o load_plugins[]=" in done.stderr


def test_validate_of_a_broken_file(falcohost, tmp_path):
    """-V says Invalid, with Falco's text, on stdout and behind Error: on stderr, and ends with 1."""
    (tmp_path / "rules.yaml").write_text(RULE)
    (tmp_path / "broken.yaml").write_text(RULE.replace("number.value >", "number.valeu >"))

    done = falcohost(*NAMED, "-V", "rules.yaml", "-V", "broken.yaml")

    assert done.returncode == 1
    assert done.stdout.startswith("rules.yaml: Ok\nbroken.yaml: Invalid\n1 Errors:\n")
    assert "LOAD_ERR_COMPILE_CONDITION" in done.stdout
    assert done.stderr.endswith(f"Error: {done.stdout}")


def test_validate_reports_an_error_for_its_own_file(falcohost, tmp_path):
    """The error of one file is not told again for the file behind it."""
    (tmp_path / "broken.yaml").write_text(RULE.replace("number.value >", "number.valeu >"))
    (tmp_path / "rules.yaml").write_text(RULE.replace("rule: A rule", "rule: Another").replace("a_number", "number"))
    done = falcohost(*NAMED, "-V", "broken.yaml", "-V", "rules.yaml")

    assert 1 == done.returncode
    assert done.stdout.endswith("\nrules.yaml: Ok\n")
    assert 1 == done.stdout.count("LOAD_ERR_COMPILE_CONDITION")


def test_validate_on_a_terminal(tmp_path, environment):
    """There an error is told once, in the form for people, behind the verdicts."""
    (tmp_path / "broken.yaml").write_text(RULE.replace("number.value >", "number.valeu >"))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "falcohost", *NAMED, "-V", "broken.yaml"]
    done = subprocess.run(command, stdout=theirs, stderr=theirs, env=environment, cwd=tmp_path)
    os.close(theirs)
    parts = []
    with os.fdopen(ours, "rb", buffering=0) as terminal, contextlib.suppress(OSError):  # EIO: nobody has the other side
        while part := terminal.read(4096):
            parts.append(part)
    shown = b"".join(parts).decode()

    assert 1 == done.returncode
    assert "broken.yaml: Invalid\r\nError: broken.yaml: Invalid, 1 error\r\n" in shown
    assert 1 == shown.count("LOAD_ERR_COMPILE_CONDITION")


def test_validate_as_json(falcohost, tmp_path):
    """With json_output the result is one line of JSON with a result per file."""
    (tmp_path / "broken.yaml").write_text(RULE.replace("number.value >", "number.valeu >"))

    done = falcohost(*NAMED, "-V", "broken.yaml", "-o", "json_output=true")

    assert done.returncode == 1
    (result,) = json.loads(done.stdout)["falco_load_results"]
    assert (result["name"], result["successful"]) == ("broken.yaml", False)
    assert result["errors"][0]["code"] == "LOAD_ERR_COMPILE_CONDITION"


def test_escapes_in_rules_are_not_printed(falcohost, tmp_path):
    """What a rules file says reaches the terminal without controls, and cannot forge a verdict."""
    name = json.dumps("x\x1b[2J\nother.yaml: Ok")
    rules = f"- {{rule: {name}, desc: {name}, condition: number.%s > 0, output: x, priority: INFO, source: numbers}}"
    (tmp_path / "good.yaml").write_text(rules % "value")
    (tmp_path / "bad.yaml").write_text(rules % "valeu")
    for arguments in (["-V", "good.yaml", "-L"], ["-V", "bad.yaml"], ["-r", "bad.yaml"], ["-r", "good.yaml", "-L"]):
        done = falcohost("-o", "load_plugins[]=numbers", *arguments)

        assert "\x1b" not in done.stdout + done.stderr
        assert "[2J" in done.stdout + done.stderr
        assert "\nother.yaml: Ok" not in done.stdout + done.stderr


def test_describe(falcohost, setup):
    """-L prints a table of rules, -l one rule."""
    everything = falcohost(*setup(), "-L").stdout
    one = falcohost(*setup(), "-l", "Every other").stdout

    assert everything.splitlines()[:2] == [f"{'Rule':<50} Description", f"{'----':<50} -----------"]
    assert "Every number" in everything
    assert "Every number" not in one
    assert "Every other" in one


def test_describe_as_json(falcohost, setup):
    """With json_output -L prints the whole document."""
    found = json.loads(falcohost(*setup("json_output: true"), "-L").stdout)

    assert [rule["info"]["name"] for rule in found["rules"]] == ["Every number", "Every other"]


def test_dry_run(falcohost, setup, tmp_path):
    """--dry-run checks everything, opens nothing, and ends with 0."""
    done = falcohost(*setup("file_output: {enabled: true, filename: events.txt}"), "--dry-run", "-P", "pid")

    assert (done.returncode, done.stdout) == (0, "falcohost would start, with 2 rules for numbers, others.\n")
    assert not (tmp_path / "events.txt").exists()
    assert not (tmp_path / "state").exists()
    assert not (tmp_path / "pid").exists()


def test_schemas(falcohost):
    """The two schemas are JSON schemas."""
    assert "rules_files" in json.loads(falcohost("--config-schema").stdout)["properties"]
    assert "$schema" in json.loads(falcohost("--rule-schema").stdout)


def test_support(falcohost, setup):
    """--support has versions, machine, configuration and rules; secrets are left out, variables by their names."""
    config = "falcohost: {api_key: hunter2, list: [1]}\nfile_output: {enabled: false, filename: '${SECRET}'}\n"
    done = falcohost(*setup(config), "--support", "-o", "falcohost.token=hunter2", SECRET="hunter2")

    assert done.returncode == 0
    assert "hunter2" not in done.stdout
    found = json.loads(done.stdout)
    assert {"cmdline", "config", "engine_info", "rules_files", "system_info", "version"} == set(found)
    assert json.loads(found["config"])["file_output"]["filename"] == "${SECRET}"
    assert "Every number" in found["rules_files"][0]["variants"][0]["content"]


def test_ignored(falcohost):
    """-i names, in Falco's form, the calls that a rule gets only if it names them."""
    first, *names = falcohost("-i").stdout.splitlines()

    assert "Ignored syscall(s):" == first
    assert {"- read", "- write"} < set(names)
    assert not {"- openat", "- execve", "- connect"} & set(names)


def test_page_size(falcohost):
    """--page-size prints it and ends with 0."""
    done = falcohost("--page-size")

    assert (0, f"Your system page size is: {os.sysconf('SC_PAGE_SIZE')} bytes\n") == (done.returncode, done.stdout)


TAGGED = "".join(
    f"- rule: {name}\n  desc: d\n  condition: number.value > 0\n  output: o\n  priority: INFO\n"
    f"  source: numbers\n  tags: [{tag}]\n"
    for name, tag in (("first one", "a"), ("second one", "b"), ("third", "c"))
)


@pytest.mark.parametrize(
    ("flags", "alerts"),
    [
        ([], ["first one", "second one", "third"]),
        (["-D", "one"], ["third"]),
        (["-T", "a", "-T", "c"], ["second one"]),
        (["-t", "b", "-t", "c"], ["second one", "third"]),
        (["-D", "second", "-T", "c"], ["first one"]),
    ],
)
def test_flags_of_former_versions_select_rules(program, setup, flags, alerts):
    """-D, -T and -t, which Falco had until 0.39, still select rules by name and tag, and say what has replaced them."""
    arguments = setup("rule_matching: all\njson_output: true", TAGGED, numbers={"count": 1})
    done = program(*arguments, "--enable-source", "numbers", *flags)

    assert alerts == [json.loads(line)["rule"] for line in done.stdout.splitlines() if line.startswith("{")], done
    assert bool(flags) is ("is deprecated, use -o rules[]" in done.stderr)


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["-D", "one", "-t", "a"], "You can not specify both disabled (-D/-T) and enabled (-t) rules"),
        (
            ["-t", "a", "-o", "rules[].disable.rule=x"],
            'Specifying -D, -t, -T command line options together with "rules:"',
        ),
    ],
)
def test_flags_of_former_versions_contradict(falcohost, setup, flags, error):
    """They cannot be mixed with each other's opposite, nor with what has replaced them."""
    done = falcohost(*setup(), *flags)

    assert (1, True) == (done.returncode, error in done.stderr), done.stderr
