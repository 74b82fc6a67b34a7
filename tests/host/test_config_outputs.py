"""Outputs with names of their own: what their blocks may have, and which alerts they get."""

import msgspec
import pytest

from falcohost import ConfigError, OutputRefused
from falcohost.alert import Priority
from falcohost.cli.support import without_secrets
from falcohost.host.config import parse
from falcohost.host.config.document import read_text
from falcohost.host.enabled_subscribers import enabled_outputs
from falcohost.subscribers.selection import Selection
from falcohost.subscribers.taker import ToOutput
from falcohost.testing.outputs import alert

SOC = "outputs:\n  soc: {type: file, filename: a.txt, keep_alive: true, "


def outputs(text):
    """Return the outputs of a configuration."""
    return parse(read_text(text, "falco.yaml")).outputs


def test_blocks_and_names():
    """Outputs by name stand beside Falco's, have the settings and the defaults of their type, and no others."""
    found = outputs("file_output: {enabled: true, filename: b.txt}\n" + SOC + "priority: error, tags: [x]}").enabled

    assert ["file", "soc"] == list(found)
    assert {"filename": "a.txt", "keep_alive": True, "max_files": 10}.items() <= found["soc"].block.items()
    assert Selection(Priority.ERROR, tags=("x",)) == found["soc"].selection
    assert Selection() == found["file"].selection
    syslog = outputs("outputs: {far: {type: syslog, address: 'udp://a'}}").enabled["far"].block
    assert ("udp://a", "user") == (syslog["address"], syslog["facility"])


def test_a_url_in_quotes():
    """Quotes around a URL, which a variable of the environment may have, are none of it, as in Falco."""
    found = outputs("http_output: {enabled: true, url: '\"https://a/b\"'}").enabled["http"]

    assert "https://a/b" == found.block["url"]


def test_switched_off():
    """An output that is not enabled is none, but neither is stdout then."""
    with pytest.raises(ConfigError, match="No output configured"):
        enabled_outputs(outputs(SOC + "enabled: false}"), {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            SOC + "priorty: error}",
            "2:65: outputs.soc.priorty is not a key of an output of type file; did you mean priority",
        ),
        (SOC + "priority: loud}", 'Unknown priority "loud"'),
        (SOC + "enabled: maybe}", "outputs.soc.enabled has to be true or false"),
        ("outputs: {soc: {filename: a}}", "1:16: outputs.soc.type has to say what it is: stdout, file"),
        ("outputs: {soc: {type: file}}", "outputs.soc.filename has to be set"),
        ("outputs: {soc: 1}", "outputs.soc has to be a mapping"),
        ("outputs: {http: {type: file, filename: a}}", "outputs.http has the name of one of falcohost's own outputs"),
        ("outputs: {internal: {type: file, filename: a}}", "outputs.internal has the name"),
        ("outputs: {So C: {type: file, filename: a}}", "outputs.So C is no name of an output"),
        (f"outputs: {{{'a' * 33}: {{type: file, filename: a}}}}", "is no name of an output"),
        (
            SOC + "max_size_mb: 1}\n  b: {type: file, filename: ./a.txt}",
            "another output has this file, which is rotated",
        ),
        (SOC + "max_age_hours: -1}", "outputs.soc.max_age_hours has to be from 0 to 1,000,000, not -1"),
        (SOC + "max_files: 0}", "outputs.soc.max_files has to be 1 or more"),
        ("outputs: {a: {type: http, url: 'ftp://a'}}", "outputs.a.url has to be like https"),
    ],
)
def test_mistakes(text, problem):
    """Each mistake is told with its place."""
    with pytest.raises(ConfigError) as raised:
        outputs(text)
    assert problem in str(raised.value)


def test_a_type_that_nobody_has():
    """A type that neither falcohost nor a plugin offers is an error with the place and the types."""
    with pytest.raises(
        ConfigError, match=r"falco.yaml:1:16: outputs.soc: there is no output of type 'fax'; there are .*http"
    ):
        enabled_outputs(outputs("outputs: {soc: {type: fax}}"), {})


def test_secrets():
    """What is printed for bug reports has neither headers nor commands nor secrets of an output."""
    text = "outputs: {a: {headers: {X: hunter2}, secret: hunter2, program: hunter2, url: 'https://hunter2'}}"

    assert "hunter2" not in str(without_secrets(read_text(text, "x").root, ()))


class Kept:
    """An output that keeps what it gets, and refuses some rules."""

    def __init__(self, refuses=()):
        self.got = []
        self.refuses = refuses

    def deliver(self, alerts):
        """Keep them."""
        self.got += [one.rule for one in alerts]
        if refused := {place: "no" for place, one in enumerate(alerts) if one.rule in self.refuses}:
            raise OutputRefused(refused)

    def reopen(self):
        """Do nothing."""

    close = reopen


@pytest.mark.parametrize(
    ("selection", "wanted"),
    [
        (Selection(), "abc"),
        (Selection(Priority.ERROR), "a"),
        (Selection(rules=("rule [bc]",)), "bc"),
        (Selection(rules=("rule", "*a")), "a"),
        (Selection(tags=("x", "y")), "ab"),
        (Selection(sources=("k8s",)), "c"),
        (Selection(tags=("x",), sources=("k8s",)), ""),
    ],
)
def test_selection(selection, wanted):
    """An output gets the alerts for which all parts are true."""
    taker = ToOutput(kept := Kept(), selection)
    taker.take(0, given())

    assert [f"rule {name}" for name in wanted] == kept.got


def test_what_is_refused_among_others():
    """An alert that is refused is the one that the host knows, whatever was left out before it."""
    assert {1: "no"} == ToOutput(Kept(("rule b",)), Selection(tags=("y",))).take(0, given()).refused


def given():
    """Return three alerts."""
    changes = ({"priority": Priority.ERROR, "tags": ("x",)}, {"tags": ("y",)}, {"source": "k8s"})
    return [msgspec.structs.replace(alert(name), **one) for name, one in zip("abc", changes, strict=True)]
