"""The audit log as a user has it: the command, with a configuration or with files."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pty
import re
import subprocess

import pytest

from falcohost import Plan, SourceError
from falcohost.testing.agent import PROGRAM
from falcohost.testing.cli import run_cli
from falcohost.testing.pipeline import Pipeline
from falcohost.testing.waiting import PATIENCE
from falcohost_k8saudit import plugin
from falcohost_k8saudit.wrappings import unwrapped


@pytest.fixture
def falcohost(tmp_path):
    """Return a function that runs the command in a folder of its own."""

    def run(*arguments):
        return subprocess.run(
            [PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=PATIENCE,
            cwd=tmp_path, env=os.environ | {"FALCOHOST_STATE_DIR": str(tmp_path / "state")},
        )  # fmt: skip

    return run


@pytest.fixture
def rules(corpus):
    """Return the public rules."""
    return corpus / "rules" / "k8s_audit_rules.yaml"


def alerts(done):
    """Return the alerts of a run that printed JSON."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("name", ["k8s_audit", "k8saudit"])
def test_looking_through_files(falcohost, regression, rules, name, tmp_path):
    """Files are looked through without a configuration, in the order in which they are named; nothing is kept."""
    traces = regression / "trace_files" / "k8s_audit"
    (tmp_path / "packed").write_bytes(gzip.compress((traces / "attach_cluster_admin_role.json").read_bytes()))

    done = falcohost("run", "-r", rules, "--json", "-s", name, traces / "create_nginx_pod_privileged.json", "packed")

    assert [alert["rule"] for alert in alerts(done)] == ["Create Privileged Pod", "Attach to cluster-admin Role"]
    assert 2 == json.loads(done.stderr.splitlines()[-1])["events_detected"]
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-s", "nothing", "log"], "there is no source and no plugin called 'nothing'"),
        (["-s", "syscall", "log"], "the plugin 'syscall' has no source that reads files"),
        (["log"], "--source has to name the one source"),
        (["-s", "k8saudit", "no such file"], "'no such file' does not exist"),
    ],
)
def test_mistakes_are_told(rules, tmp_path, arguments, text):
    """A mistake in the command is explained in a sentence."""
    (tmp_path / "log").touch()

    done = run_cli("run", "-r", str(rules), *arguments, folder=tmp_path)

    assert done.returncode != 0
    assert text in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("open_params", "text"),
    [
        ("http://0.0.0.0:9765/k8s-audit", "senders need a secret: set init_config.tokenFile or"),
        ("https://:9765/k8s-audit", "/etc/falco/falco.pem has to contain a certificate and its unencrypted key"),
        ("http://127.0.0.1/k8s-audit", "has no port; write it as in http://127.0.0.1:9765/k8s-audit"),
        ("file:///no/such/folder/audit.log", "the folder /no/such/folder does not exist"),
        ("/no/such/file", "cannot read /no/such/file: No such file or directory"),
        ("", "open_params is not set"),
    ],
)
def test_what_cannot_be_opened(open_params, text):
    """A source that cannot be opened says what is wrong, and what can be."""
    (spec,) = plugin.falcohost_sources({})
    with pytest.raises(SourceError) as raised:
        spec.make({"open_params": open_params}).open(Plan(source=spec.name), None)

    assert text in str(raised.value)


def test_the_command_and_what_cannot_be_opened(falcohost, rules, tmp_path):
    """The command says so too, and ends with status 1."""
    open_params, text = "/no/such/file", "cannot read /no/such/file: No such file or directory"
    block = {"name": "k8saudit", "library_path": "libk8saudit.so", "open_params": open_params}
    (tmp_path / "falco.yaml").write_text(json.dumps({"plugins": [block], "log_syslog": False}))

    done = falcohost("-c", "falco.yaml", "-r", rules, "--enable-source", "k8s_audit")

    assert done.returncode == 1
    assert text in done.stderr
    assert "its library_path is ignored" in done.stderr


def test_fields_of_the_corpus(corpus, tmp_path):
    """Events of other origins, also wrapped ones, are read without an error, and their fields are extracted."""
    records = [json.loads(line)["event"] for line in (corpus / "events" / "kubernetes.jsonl").read_text().splitlines()]
    (tmp_path / "log").write_text("\n".join(map(json.dumps, records)))
    (tmp_path / "rules.yaml").write_text(
        "- {rule: verb, desc: d, condition: ka.verb exists, output: '%ka.verb %ka.user.name %ka.target.resource', "
        "priority: INFO, source: k8s_audit}"
    )

    pipeline = Pipeline(plugin, [tmp_path / "rules.yaml"], {"open_params": str(tmp_path / "log")}, tmp_path / "state")
    pipeline.wait()

    found = [alert.fields["ka.verb"] for alert in pipeline.alerts]
    events = [unwrapped(record) or record for record in records]
    assert found == [event["verb"] for event in events if "verb" in event]


def test_progress_on_a_terminal(regression, rules, tmp_path):
    """On a terminal a line says how far it has come, and nothing of it is left at the end."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, "run", "-r", rules, "-s", "k8saudit", regression / "trace_files" / "k8s_audit"],
        stdin=end, stdout=end, stderr=end, cwd=tmp_path,
    )  # fmt: skip
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while data := os.read(terminal, 65536):
            shown += data
    os.close(terminal)

    assert process.wait(PATIENCE) == 0
    assert re.search(rb"\d+ events\x1b\[K\r", shown)
    assert b"\x1b[K" in shown.rpartition(b"Events detected")[0].rpartition(b"events\x1b[K\r")[2]
