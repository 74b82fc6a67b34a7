"""Tests mistakes of newcomers: each gives a sentence after ``Error:``, status 1, and never a traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.testing.waiting import PATIENCE

UNKNOWN = "Attempted enabling an unknown event source"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--nope"], "No such option '--nope'."),
        (["nope"], "No such command 'nope'."),
        (["-c"], "Option '-c' requires an argument."),
        (["-c", "/nowhere.yaml"], "Could not find configuration file at /nowhere.yaml"),
        (["-M", "soon"], "Invalid value for '-M': 'soon' is not a valid float range."),
        (["-M", "nan"], "Invalid value for '-M': nan is not a number of seconds."),
        (["run", "-t", "inf"], "Invalid value for '-t' / '--seconds': inf is not a number of seconds."),
        (["stats", "--cost", "nan"], "Invalid value for '--cost': nan is not a number of seconds."),
        (["run", "-t", "0"], "Invalid value for '-t' / '--seconds': 0.0 is not in the range x>0."),
        (["-o", "foo"], 'Error parsing config option "foo". Must be of the form key=val or key.subkey=val'),
        (["-o", "priority=loud"], '-o priority: Unknown priority "loud"--must be one of emergency, alert,'),
        (["-V", "/nowhere.yaml"], "Could not open file /nowhere.yaml for reading"),
        (["-r", "/nowhere.yaml"], "Could not open file /nowhere.yaml for reading"),
        (["-r", "rules.txt"], "-r names rules.txt, which is not there; put it there, or do not name it"),
        (["-r", "pid"], "there is no rules file in pid: names of rules files end in .yaml or .yml"),
        (["-o", "rules_files[]=/nowhere"], "-o rules_files[]: rules_files names /nowhere, which is not there"),
        (["-o", "load_plugins[]=numbres"], "no plugin called 'numbres' is installed; did you mean numbers?"),
        (["--list=nope"], "Value for --list must be a valid source type"),
        (["--list", "--format", "xml"], "Invalid format 'xml'. Valid values are: text, markdown, json"),
        (["--list", "--format", "json", "--markdown"], "Cannot specify both --markdown and --format options together"),
        (["--plugin-info", "nope"], "can't find plugin and print its info: nope"),
        (["--enable-source", "nope"], "Attempted enabling an unknown event source: nope"),
        (["run", "-s", "okta"], f"{UNKNOWN}: okta; the plugin 'okta' has it, but is"),
        (["run", "-s", "syscal"], f"{UNKNOWN}: syscal; did you mean syscall?"),
        (["run", "-s", "numbers"], f"{UNKNOWN}: numbers; the plugin 'numbers' (of falcohost-numbers) is inst"),
        (["run", "-s", "others"], f"{UNKNOWN}: others; plugins that are not loaded may have it (numbers): add it to"),
        (["--disable-source", "nope"], "Attempted disabling an unknown event source: nope"),
        (["--disable-source", "syscall"], "Must enable at least one event source"),
        (["--enable-source", "syscall", "--disable-source", "syscall"], "You can not mix --enable-source and"),
        (["-o", "stdout_output.enabled=false"], "No output configured, please make sure at least one output is"),
        (["-o", "engine.kind=kmods"], "-o engine.kind: engine.kind 'kmods' is not a valid kind; it is one of ebpf, k"),
        (["fields", "nope", "x"], "there is no event source 'nope'; the sources are: aws_cloudtrail, github, "),
        (["fields", "no_such_field"], "no field name contains 'no_such_field'"),
        (["completion", "tcsh"], "Invalid value for '{bash|zsh|fish}': 'tcsh' is not one of 'bash', 'zsh', 'fish'."),
        (["-l", "nope"], "nope"),
    ],
)
def test_mistakes(falcohost, tmp_path, arguments, error):
    """A mistake is told in one sentence, and the status is 1."""
    (tmp_path / "pid").touch()
    done = falcohost(*arguments)

    assert done.returncode == 1
    assert f"Error: {error}" in done.stderr if error != "nope" else error in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pidfile_that_cannot_be(falcohost, setup, tmp_path):
    """A pidfile that cannot be written ends the agent with 255, as in Falco."""
    os.mkfifo(tmp_path / "fifo")
    assert falcohost(*setup(), "-P", str(tmp_path / "fifo")).returncode == 255
    # In a directory of its own, since what runs in this process keeps its state directory to the end.
    done = falcohost(*setup(), "-P", "/nowhere/pid", FALCOHOST_STATE_DIR=str(tmp_path / "other"))

    assert done.returncode == 255
    assert done.stderr.endswith("Error: Could not write pid to pidfile /nowhere/pid: No such file or directory\n")


def test_a_typo_in_a_rule(falcohost, setup):
    """A field that does not exist is told with file, line, column, caret, rule and hint."""
    rules = "- rule: R\n  desc: d\n  condition: number.valeu > 0\n  output: x\n  priority: INFO\n  source: numbers\n"

    done = falcohost(*setup(rules=rules))

    assert done.returncode == 1
    assert "rules.yaml:3:14: unknown field number.valeu [LOAD_ERR_COMPILE_CONDITION]" in done.stderr
    assert "condition: number.valeu > 0\n                 ^\n" in done.stderr
    assert "hint: did you mean number.value?" in done.stderr


def test_unknown_keys_are_warned_of(falcohost, setup):
    """A key that nobody knows is warned of with the near name, and the file's line in the log says so."""
    done = falcohost(*setup("json_ouput: true\n"), "--dry-run")

    assert done.returncode == 0
    assert "falco.yaml | schema validation: failed" in done.stderr
    assert "unknown key json_ouput; did you mean json_output?" in done.stderr


def test_keys_without_effect_are_named_with_the_reason(falcohost, setup):
    """Known keys that do nothing in this version are named once each, unless they ask for nothing."""
    more = "webserver: {threadiness: 4}\nmetrics: {enabled: false}\nlibs_logger: {enabled: true, severity: %s}\n"
    done = [falcohost(*setup(more % severity), "--dry-run") for severity in ("info", "debug")]

    web = "webserver.threadiness has no effect: one thread answers all requests"
    libs = "libs_logger has no effect: falcohost does not use Falco's libraries; `log_level` selects its own messages"
    lines = [[line.split(": ", 1)[1] for line in one.stderr.splitlines() if " no effect" in line] for one in done]
    assert [[web], [web, libs]] == lines


def test_a_broken_plugin_is_named_and_left_out(program, setup, own_site):
    """A configured plugin that cannot be imported is named in the log; the rest is checked and runs."""
    command = setup(rules="- rule: R\n  desc: d\n  condition: evt.num > 0\n  output: x\n  priority: INFO\n")
    (own_site / "falcohost_numbers.py").write_text("import no_such_package")

    done = program(*command, "--dry-run")

    assert done.returncode == 0, done.stderr
    assert "plugin 'numbers' needs the Python package 'no_such_package', which is not installed" in done.stderr


@pytest.mark.parametrize("key", ["load_plugins: [numbers]", "numbers_output: {enabled: true}\nload_plugins: []"])
def test_a_plugin_that_refuses_its_configuration(program, setup, own_site, key):
    """The agent does not run without what the plugin was to watch: the start fails, with the plugin's own sentence."""
    command = setup(key)
    code = (own_site / "falcohost_numbers.py").read_text()
    broken = "    raise ConfigError('numbers: count is no number.')\n"
    code = code.replace("def falcohost_sources():\n", f"def falcohost_sources():\n{broken}", 1)
    (own_site / "falcohost_numbers.py").write_text(f"from falcohost import ConfigError\n{code}")
    assert broken in code
    done = program(*command, "--dry-run")

    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.endswith(
        "Error: plugin 'numbers' is left out: numbers: count is no number; falcohost does not start without it\n"
    )


def test_library_path_is_ignored_with_a_note(falcohost, setup):
    """Falco's plugins: blocks are taken as they are, with a note on library_path."""
    done = falcohost(*setup(), "--dry-run", "-o", "plugins[0].library_path=libnumbers.so")

    assert done.returncode == 0
    assert "Loaded plugin 'numbers'; its library_path is ignored" in done.stderr


def test_falcos_container_plugin_is_there(falcohost, setup):
    """The plugin container, which the plugin containers stands in for, can be configured and required."""
    rules = "- required_plugin_versions: [{name: container, version: 0.4.0}]\n"
    rules += "- rule: R\n  desc: d\n  condition: evt.num > 0\n  output: x\n  priority: INFO\n"

    done = falcohost(
        *setup(rules=rules), "--dry-run", "-o", "load_plugins[]=container", "-o", "plugins[]={name: container}"
    )

    assert done.returncode == 0, done.stderr


def test_a_bug_is_admitted(falcohost, monkeypatch):
    """An exception that nobody foresaw is one sentence; -v shows the traceback."""
    monkeypatch.setattr("falcohost.host.config.find_config", lambda *_: {}["oops"])

    short = falcohost("--version")

    assert short.stderr == "Error: this is a bug in falcohost: KeyError: 'oops'. Add -v to see where.\n"
    assert short.returncode == 1
    with pytest.raises(KeyError, match="oops"):
        falcohost("-v", "--version")


def test_too_little_memory(falcohost, program, setup, tmp_path, monkeypatch):
    """Memory that is refused is told in a sentence, by commands and by the process that reads for an agent."""

    def refuse(*_):
        raise MemoryError

    (tmp_path / "sitecustomize.py").write_text(
        "import falcohost.host.config as c\nc.load_config = lambda *_: [0] * 2**60\n"
    )
    monkeypatch.setattr("falcohost.host.config.find_config", refuse)
    command, agent = falcohost("plugins"), program(*setup(), PYTHONPATH=str(tmp_path))

    assert (1, True) == (command.returncode, command.stderr.startswith("Error: there is not enough memory; allow more"))
    assert (1, True) == (agent.returncode, "Error: there is not enough memory; allow more" in agent.stderr), (
        agent.stderr
    )


#: A folder of which the kernel refuses to say whether it is there, as it does where a user may not look.
UNKNOWN = "/" + "x" * 300


@pytest.mark.parametrize(
    "command",
    [
        ["alerts"],
        ["alerts", "verdict", "0" * 24, "true"],
        ["store"],
        ["store", "check"],
        ["store", "repair"],
        ["store", "export"],
        ["store", "parked"],
        ["store", "resend", "--output", "file"],
        ["silence", "add", "--rule", "Password hashes read", "--for", "1h"],
        ["silence", "list"],
        ["silence", "remove", "1"],
        ["tune", "Password hashes read"],
        ["rules", "explain", "0" * 24],
        ["rules", "stats", "rules.yaml"],
        ["stats"],
        ["upgrade"],
    ],
    ids=" ".join,
)
def test_a_state_that_must_not_be_looked_for(falcohost, setup, command):
    """That is a sentence too."""
    setup()
    done = falcohost(*command, "--state-dir", UNKNOWN)

    assert "bug" not in done.stderr
    assert done.returncode == 0 or (done.stderr.startswith("Error: ") and "File name too long" in done.stderr)


def test_a_configuration_that_must_not_be_looked_for(falcohost, monkeypatch):
    """Whoever may not look for the default configuration is told so, and does not get another one."""
    monkeypatch.setattr("falcohost.host.config.DEFAULT_FILES", (f"{UNKNOWN}/falco.yaml", "/etc/falco/falco.yaml"))
    done = falcohost("plugins")

    told = f"Error: Cannot read the configuration file {UNKNOWN}/falco.yaml: File name too long\n"
    assert (1, told) == (done.returncode, done.stderr)


def test_a_full_disk(environment):
    """Output that cannot be written is told in a sentence, and is no bug of falcohost."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "falcohost", "plugins"], stdout=full, stderr=subprocess.PIPE, env=environment
        )

    assert (1, b"Error: cannot write the output: No space left on device\n") == (done.returncode, done.stderr)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("arguments", [["-L"], ["fields", "syscall"], ["-M", "0.1"]], ids=" ".join)
def test_closed_descriptors(environment, setup, tmp_path, arguments, closed):
    """Who starts it may have closed these, as daemons do: a command succeeds, and so does an agent."""
    descriptors = " ".join(f"{number}>&-" for number in closed)
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {descriptors}', "sh", sys.executable, "-m", "falcohost", *setup(), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        timeout=PATIENCE,
    )

    assert (0, False) == (done.returncode, "Traceback" in done.stderr), done.stderr


#: Makes Python press Ctrl-C when the module is imported.
INTERRUPTING = """
import os, signal, sys
class Interrupts:
    def find_spec(self, name, *_):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupts())
"""


@pytest.mark.parametrize("module", ["falcohost.host.environment", "falcohost.cli.app", "falcohost.cli.flags"])
def test_interrupted_imports(environment, tmp_path, module):
    """Ctrl-C before a command has begun ends it without a traceback."""
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTING.format(module=module))
    done = subprocess.run(
        [sys.executable, "-m", "falcohost", "plugins"],
        capture_output=True,
        text=True,
        env=environment | {"PYTHONPATH": str(tmp_path)},
        timeout=PATIENCE,
    )

    assert (-signal.SIGINT, "", "") == (done.returncode, done.stdout, done.stderr)
