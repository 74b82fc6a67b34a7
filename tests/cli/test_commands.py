"""The commands beside Falco's flags: run, fields, plugins, doctor, completion."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest

#: Names the plugin of these tests.
NAMED = ("-o", "load_plugins[]=numbers")

RULE = "- {rule: First, desc: d, condition: proc.name = a, output: o, priority: INFO}"


def test_run(program, setup):
    """``run`` takes rules and source as options, and prints alerts as JSON to stdout, the summary as JSON to stderr."""
    config, path, rules, file = setup(numbers={"count": 2})[:4]

    done = program("run", config, path, rules, file, "--source", "numbers", "--json")

    assert done.returncode == 0, done.stderr
    values = [json.loads(line)["output_fields"]["number.value"] for line in done.stdout.splitlines()]
    assert values == [1, 2]
    assert {
        "events_detected": 2,
        "by_severity": {"NOTICE": 2},
        "by_rule": {"Every number": 2},
        "not_evaluated": {},
    } == json.loads(done.stderr.splitlines()[-1])


def test_run_for_some_seconds(program, setup):
    """``run --seconds`` stops by itself."""
    config, path, rules, file = setup()[:4]

    assert program("run", config, path, rules, file, "-s", "numbers", "-t", "0.1").returncode == 0


def test_run_has_a_brief_log(program, setup):
    """The first lines are about what is wrong and when it is ready; what was loaded is there for who asks."""
    command = ("run", *setup(numbers={"count": 1}), "-s", "numbers")
    brief, whole = program(*command).stderr, program(*command, "-o", "log_level=info").stderr
    lines = [line.partition(": ")[2] for line in brief.splitlines() if ": " in line and re.match(r"\w{3} \w{3} ", line)]

    assert ["Ready after", "Event source 'numbers' has ended"] == [
        re.match(r"Ready after|Event source .numbers. has ended|.*", line)[0] for line in lines
    ]
    assert "Loading rules from:" not in brief
    assert "Loading rules from:" in whole


def test_only_the_rules_of_enabled_sources_are_loaded(falcohost, tmp_path):
    """System calls are not asked for: their shipped rules are not loaded. What is shipped and not used is not told."""
    arguments = ["-o", "load_plugins[]=cloudtrail", "-o", "log_syslog=false", "-o"]
    (tmp_path / "log.json").write_text('{"Records": []}')
    arguments.append(f"plugins[]={{name: cloudtrail, open_params: {tmp_path}/log.json}}")
    one = falcohost(*arguments, "--enable-source", "aws_cloudtrail", "--dry-run")
    other = falcohost(*arguments, "--disable-source", "aws_cloudtrail", "-o", "engine.kind=nodriver", "--dry-run")

    loaded = [
        {name for name in ("falcohost_files_rules", "cloudtrail_rules", "aws_cloudtrail.yaml") if name in done.stderr}
        for done in (one, other)
    ]
    assert [{"cloudtrail_rules", "aws_cloudtrail.yaml"}, {"falcohost_files_rules", "cloudtrail_rules"}] == loaded
    assert "no rule uses" not in one.stderr + other.stderr
    assert 0 == one.returncode


@pytest.mark.parametrize(
    ("more", "variables", "begins"),
    [
        ([], {}, "\x1b[36m"),
        ([], {"NO_COLOR": "1"}, ""),
        ([], {"TERM": "dumb"}, ""),
        (["--json"], {}, ""),
    ],
)
def test_alerts_of_run_are_coloured_on_a_terminal(home, setup, more, variables, begins):
    """As those that ``alerts`` prints are; JSON is not, nor what is read by somebody who wants none."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "falcohost", "run", *setup(numbers={"count": 1}), "-s", "numbers", *more]
    with os.fdopen(theirs, "wb") as out:
        environment = home.environment | variables
        subprocess.run(command, stdout=out, stderr=subprocess.DEVNULL, env=environment, cwd=home.folder, timeout=60)
        shown = os.read(ours, 65536).decode()
    os.close(ours)

    (line,) = [line for line in shown.splitlines() if "Counted" in line]
    assert ("\x1b" in line, line.startswith(begins)) == (bool(begins), True)
    assert line.endswith("\x1b[0m") == bool(begins)


def test_flags_before_a_command_count(program, setup):
    """``-c`` before the command is the same as behind it."""
    done = program(*setup(numbers={"count": 1}), "run", "-s", "numbers")

    assert "Events detected: 1" in done.stderr


def test_fields(falcohost):
    """``fields`` finds by source and by a part of the name or a pattern."""
    one = falcohost(*NAMED, "fields", "numbers", "number").stdout
    by_pattern = falcohost("fields", "proc.*name").stdout

    assert one.split("\n")[0].split() == ["number.value", "UINT64", "The", "number."]
    assert "proc.pname" in by_pattern
    assert "proc.pid" not in by_pattern


def test_fields_as_json(falcohost):
    """``fields --json`` has source, name, type, description, argument."""
    found = json.loads(falcohost(*NAMED, "fields", "numbers", "value", "--json").stdout)

    assert found == [
        {
            "source": "numbers",
            "argument": None,
            "desc": "The number.",
            "is_list": False,
            "name": "number.value",
            "type": "UINT64",
        }
    ]


def test_plugins(falcohost, program, own_site):
    """``plugins`` shows what is installed, and what is wrong with what cannot be used."""
    found = {one["name"]: one for one in json.loads(falcohost(*NAMED, "plugins", "--json").stdout)}
    text = falcohost(*NAMED, "plugins").stdout
    (own_site / "falcohost_numbers.py").write_text("raise RuntimeError('broken')")
    broken = {one["name"]: one for one in json.loads(program(*NAMED, "plugins", "--json").stdout)}

    assert [source["name"] for source in found["numbers"]["sources"]] == ["numbers", "others"]
    assert "numbers  (falcohost-numbers 1.0)" in text
    assert broken["numbers"]["error"] == "plugin 'numbers' is left out: RuntimeError: broken"


@pytest.fixture
def told_of_import(own_site, tmp_path):
    """Return a file that the plugin makes when it is imported, before it fails."""
    imported = tmp_path / "imported"
    (own_site / "falcohost_numbers.py").write_text(f"open({str(imported)!r}, 'w')\nraise RuntimeError('broken')\n")
    return imported


@pytest.mark.parametrize(
    "arguments",
    [
        ["plugins"],
        ["plugins", "--json"],
        ["fields"],
        ["--help"],
        ["--list"],
        ["--list", "nothing"],
        ["--list-events"],
        ["--list-plugins"],
        ["--config-schema"],
        ["-V", "rules.yaml"],
        ["--enable-source", "numbers", "--dry-run"],
        ["doctor"],
        ["run", "--source", "numbers", "file"],
        ["rules", "explain", "First"],
        ["completion", "bash"],
        ["nosuch"],
    ],
)
def test_what_is_not_named_is_not_imported(program, told_of_import, tmp_path, arguments):
    """A plugin of another distribution does not run where the configuration does not name it."""
    (tmp_path / "rules.yaml").write_text(RULE)
    done = program(*arguments)

    assert not told_of_import.exists() or arguments[0] == "run", done.stderr
    if arguments[0] == "plugins":
        assert "falcohost-numbers" in done.stdout


def test_what_is_named_is_imported(program, told_of_import):
    """The same plugin runs where the command line names it."""
    program(*NAMED, "plugins")

    assert told_of_import.exists()


def test_doctor_lists_what_runs(falcohost, setup):
    """``doctor`` names each distribution with its place, its owner and its processes."""
    done = falcohost(*setup(), "doctor")
    rows = [line for line in done.stdout.splitlines() if "runs as " in line]

    assert any(": falcohost 0.1.0, " in row and row.endswith(", in all processes") for row in rows)
    (plugin,) = (row for row in rows if "falcohost-numbers 1.0" in row)
    assert "falcohost_numbers.py (of uid " in plugin
    assert plugin.endswith(", in the agent's main process and in the workers of numbers, others")
    assert any(": Python 3." in row for row in rows)


def test_doctor_lists_what_processes_import_later(program, setup):
    """``doctor`` names what only the endpoints, or a worker, import, and what that needs in turn."""
    named = {}
    for what, option in {"web": "webserver.enabled=true", "k8saudit": "load_plugins[]=k8saudit"}.items():
        done = program(*setup(), "-o", option, "doctor")
        rows = [line.partition(": ")[2] for line in done.stdout.splitlines() if "before they lose" in line]
        named[what] = {row.partition(" ")[0] for row in rows}

    assert {"tornado", "prometheus_client"} <= named["web"]
    assert not {"boto3", "botocore"} & named["web"]
    assert {"boto3", "botocore", "httptools"} <= named["k8saudit"]


def test_doctor(falcohost, setup):
    """``doctor`` asks each source; something missing is one sentence, and the status 1."""
    done = falcohost(*setup(), "-o", "plugins[0].init_config.lacks=grow some", "doctor")

    assert done.returncode == 1
    assert "ok    numbers: can count\n" in done.stdout
    assert "MISS  numbers: has fingers: grow some\n" in done.stdout


def test_a_bad_value_of_a_plugins_key_stops_neither_fields_nor_doctor(falcohost, setup):
    """Both say which value is not valid and go on, since they are asked when something is wrong."""
    arguments = (*setup(), "-o", "falcohost.names=foo")
    doctor, fields = falcohost(*arguments, "doctor"), falcohost(*arguments, "fields", "numbers")

    assert "falcohost.names has to be one of" in fields.stderr
    assert ("number.value" in fields.stdout, fields.returncode) == (True, 0)
    (said,) = [line for line in doctor.stdout.splitlines() if "falcohost.names has to be one of" in line]
    assert said.startswith("MISS  syscall: its configuration is valid: ")
    assert ("numbers: can count" in doctor.stdout, doctor.returncode) == (True, 1)


def test_doctor_as_json(falcohost, setup):
    """``doctor --json`` has the same for scripts."""
    done = falcohost(*setup(), "doctor", "--json")

    found = [one for one in json.loads(done.stdout) if one["source"] == "numbers"]
    assert found == [{"source": "numbers", "what": "can count", "problem": None}]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(falcohost, shell):
    """``completion`` prints a script for each shell."""
    assert "_FALCOHOST_COMPLETE" in falcohost("completion", shell).stdout


def test_completion_completes(falcohost):
    """The commands that the script calls exist."""
    done = falcohost(_FALCOHOST_COMPLETE="bash_complete", COMP_WORDS="falcohost fi", COMP_CWORD="1")

    assert done.stdout == "plain,fields\n"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("falcohost -o load_plugins[]=numbers --enable-source num", ["numbers"]),
        ("falcohost -o load_plugins[]=numbers --disable-source oth", ["others"]),
        ("falcohost -o load_plugins[]=numbers run -s num", ["numbers"]),
        ("falcohost -o load_plugins[]=numbers fields numbers number.v", ["number.value"]),
        ("falcohost -o load_plugins[]=numbers fields number.v", ["number.value"]),
        ("falcohost -o load_plugins[]=numbers fields oth", ["others"]),
        ("falcohost -o json_include_out", ["json_include_output_property=", "json_include_output_fields_property="]),
        ("falcohost run -o falcohost.state_d", ["falcohost.state_dir="]),
        ("falcohost -c /nowhere run -s num", []),
        ("falcohost -o load_plugins[]=numbers alerts --source num", ["numbers"]),
        ("falcohost alerts --source inter", ["internal"]),
        ("falcohost -o load_plugins[]=numbers rules stats --source oth", ["others"]),
        ("falcohost -o load_plugins[]=numbers --list num", ["numbers"]),
        ("falcohost --format ma", ["markdown"]),
        ("falcohost --plugin-info cloudt", ["cloudtrail"]),
        ("falcohost -o priority=wa", ["priority=warning"]),
        ("falcohost run -o json_output=", ["json_output=true", "json_output=false"]),
        ("falcohost -o rule_matching=a", ["rule_matching=all"]),
        ("falcohost -r rules.yaml -t n", ["network"]),
        ("falcohost -r rules.yaml -T f", ["files"]),
        ("falcohost -r rules.yaml -l fir", ["First"]),
        ("falcohost -r rules.yaml -D sec", ["Second"]),
        ("falcohost -r /nowhere.yaml -l fir", []),
        ("falcohost --enable-source num", []),
        ("falcohost -c soc.yaml store resend --output s", ["soc", "stdout"]),
        ("falcohost -c soc.yaml store parked --output so", ["soc"]),
    ],
)
def test_names_and_values_are_completed(falcohost, tmp_path, line, found):
    """The shell is offered what fits, and nothing where the configuration cannot be read."""
    form = "- {{rule: {}, desc: d, condition: evt.num > 0, output: o, priority: INFO, source: numbers, tags: [{}]}}\n"
    (tmp_path / "rules.yaml").write_text(form.format("First", "files") + form.format("Second", "network"))
    (tmp_path / "soc.yaml").write_text(
        "outputs: {soc: {type: file, filename: /tmp/alerts}}\nstdout_output: {enabled: true}\n"
    )
    done = falcohost(_FALCOHOST_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(line.split()) - 1))

    assert ([f"plain,{one}" for one in found], "") == (done.stdout.split(), done.stderr)


def test_a_command_that_was_meant(falcohost):
    """A name that is close to a command's gets a suggestion; another gets none."""
    assert "Error: No such command 'rnu'. Did you mean run?\n" == falcohost("rnu").stderr
    assert "Error: No such command 'zzz'.\n" == falcohost("zzz").stderr


def test_an_unknown_key_of_a_plugin_is_told_once(program, tmp_path):
    """Hooks, checks and workers all read the settings; the log has one line."""
    (tmp_path / "log.jsonl").touch()
    (tmp_path / "rules.yaml").write_text(
        "- {rule: J, desc: d, condition: 'json.value[/a] = x', output: o, priority: INFO, source: app}"
    )
    (tmp_path / "falco.yaml").write_text(
        "load_plugins: [json]\nlog_syslog: false\n"
        "plugins: [{name: json, init_config: {sources: [{name: app, open_params: log.jsonl, fllow: true}]}}]\n"
    )
    logs = [program("-c", "falco.yaml", "-r", "rules.yaml", *more).stderr for more in ([], ["--dry-run"])]

    assert [1, 1] == [log.count("unknown key fllow in its configuration; did you mean follow?") for log in logs]


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour_only_on_a_terminal_that_wants_it(on_a_terminal, falcohost, variables, coloured):
    """On a terminal there is colour, unless NO_COLOR is set or it can show none; elsewhere there is none."""
    assert ("\x1b[" in on_a_terminal("plugins", **variables)) is coloured
    assert "\x1b[" not in falcohost(*NAMED, "plugins").stdout


def test_help(falcohost):
    """The help names every command with its line."""
    done = falcohost("--help")

    assert done.returncode == 0
    assert [
        name for name in ("run", "fields", "plugins", "doctor", "completion") if f"\n  {name}" not in done.stdout
    ] == []
