"""``falcohost run FILE.scap``: alerts of a capture on the terminal, without configuration and without root."""

from __future__ import annotations

import gzip
import json
import os
import socket

import pytest
from workload import captures

RULES = """
- rule: Opened
  desc: A test.
  condition: evt.type = open and fd.name startswith /etc
  output: opened (file=%fd.name process=%proc.name number=%evt.num)
  priority: NOTICE
"""
LISTED = captures.block(captures.PROCESSES, captures.thread(7, 7, 1, b"bash", exe=b"bash"))


@pytest.fixture
def capture(tmp_path):
    """Return a capture with two opens, a minute apart."""
    path = tmp_path / "two ${x}.scap"
    path.write_bytes(captures.section() + LISTED + b"".join(
        captures.at(captures.TS + number * 60_000_000_000, captures.event("open", 7, fd=3, name=name, flags=1, mode=0))
        for number, name in enumerate((b"/etc/first", b"/etc/second"))
    ))  # fmt: skip
    (tmp_path / "rules.yaml").write_text(RULES)
    return path


@pytest.fixture
def alerts(program):
    """Return a function that runs the program and returns the messages of its alerts, without what is appended."""

    def alerts(*arguments):
        done = program("run", *map(str, arguments))
        assert 0 == done.returncode, done.stderr
        return [line.partition(": Notice ")[2].partition(" container_id")[0] for line in done.stdout.splitlines()]

    return alerts


def test_a_capture(alerts, capture):
    """The alerts of a capture are printed, and the run ends with it."""
    assert [
        "opened (file=/etc/first process=bash number=1)",
        "opened (file=/etc/second process=bash number=2)",
    ] == alerts("-r", capture.parent / "rules.yaml", capture)


@pytest.mark.parametrize("packed", [False, True])
def test_a_capture_with_another_name(alerts, capture, packed):
    """A capture need not be called one: its content tells what it is."""
    data, other = capture.read_bytes(), capture.parent / "trace"
    other.write_bytes(gzip.compress(data) if packed else data)

    assert 2 == len(alerts("-r", capture.parent / "rules.yaml", other))


def test_a_part_of_a_capture(alerts, capture):
    """--from and --to choose a part; the numbers of events stay what they are."""
    assert ["opened (file=/etc/second process=bash number=2)"] == alerts(
        "-r", capture.parent / "rules.yaml", "--from", "+30s", "--to", "+2m", capture
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("FILE", "FILE"), "a capture is read alone; name one file"),
        (("--from", "+1s"), "--from and --to are for captures (.scap)"),
        (("--from", "soon", "FILE"), "expected a time such as 2026-11-28T08:14:00 or +90s, not 'soon'"),
    ],
)
def test_what_makes_no_sense(program, capture, arguments, problem):
    """Two captures, times without a capture, and what is no time are refused."""
    done = program("run", *(str(capture) if word == "FILE" else word for word in arguments))

    assert 1 == done.returncode
    assert problem in done.stderr


def test_a_pipe_is_refused(program, tmp_path):
    """A pipe, which cannot be read twice, is refused instead of replayed without its begin, or waited for."""
    pipe = tmp_path / "pipe.scap"
    os.mkfifo(pipe)
    done = program("run", str(pipe))

    assert 1 == done.returncode
    assert "pipe.scap is no file that can be read twice; write it to one, or use 'falcohost inspect'" in done.stderr


def test_types_that_only_captures_have(program, alerts, capture):
    """Rules that name them are loaded without a warning for a capture, and "all but" has them."""
    rules = capture.parent / "captured.yaml"
    rules.write_text(RULES.replace("evt.type = open and fd.name startswith /etc", "evt.type in (procinfo, drop)"))
    replay = ("-o", "engine.kind=replay", "-o", f"engine.replay.capture_file={capture}")
    warned = "the rule can never fire: no event has the type drop or procinfo"
    assert warned in program("-V", str(rules)).stderr
    checked = program(*replay, "-V", str(rules))
    assert (False, 0) == ("Warning" in checked.stderr, checked.returncode)

    times = captures.event("procinfo", 7, cpu_usr=1, cpu_sys=1)
    dropped = captures.event("drop", -1, ratio=1)
    of_both = capture.parent / "both.scap"
    of_both.write_bytes(captures.section() + LISTED + times + dropped)
    for condition in ("evt.type in (procinfo, drop)", "evt.type != open"):
        rules.write_text(RULES.replace("evt.type = open and fd.name startswith /etc", condition))
        assert 2 == len(alerts("-r", rules, of_both)), condition


def test_the_state_in_which_a_capture_begins(alerts, capture):
    """Accounts that are told before the first other event are no events for rules, as for Falco; later ones are."""
    rules = capture.parent / "accounts.yaml"
    rules.write_text(RULES.replace("evt.type = open and fd.name startswith /etc", "evt.type in (useradded, open)"))
    told = captures.event("useradded", -1, uid=7, gid=7, name=b"anna", home=b"/", shell=b"/sh", container_id=b"")
    opened = captures.event("open", 7, fd=3, name=b"/etc/first", flags=1, mode=0)
    begun = capture.parent / "begun.scap"
    begun.write_bytes(captures.section() + LISTED + told + told + opened + told)

    assert [
        "opened (file=/etc/first process=bash number=3)",
        "opened (file=<NA> process=<NA> number=4)",
    ] == alerts("-r", rules, begun)


def test_runtimes_of_this_host_are_not_asked(program, capture):
    """What a capture does not tell of a container is absent: those of this host are others."""
    cgroups = b"cpu=/docker/" + b"ab" * 32 + b"\0"
    listed = captures.block(captures.PROCESSES, captures.thread(7, 7, 1, b"bash", exe=b"bash", cgroups=cgroups))
    opened = captures.event("open", 7, fd=3, name=b"/etc/first", flags=1, mode=0)
    capture.write_bytes(captures.section() + listed + opened)
    with socket.socket(socket.AF_UNIX) as runtime:
        runtime.bind(str(capture.parent / "docker.sock"))
        runtime.listen(64)
        runtime.setblocking(False)
        engines = {name: {"enabled": False} for name in ("podman", "cri", "containerd", "runc")}
        engines["docker"] = {"enabled": True, "sockets": [str(capture.parent / "docker.sock")], "folders": []}
        plugin = {"name": "container", "init_config": {"engines": engines}}
        config = capture.parent / "falco.json"
        config.write_text(json.dumps({"plugins": [plugin], "load_plugins": ["container"]}))
        rules = capture.parent / "rules.yaml"
        rules.write_text(RULES.replace("number=%evt.num", "image=%container.image id=%container.id"))
        done = program("run", "-c", str(config), "-r", str(rules), str(capture))
        with pytest.raises(BlockingIOError):
            runtime.accept()

    assert f"opened (file=/etc/first process=bash image=<NA> id={'ab' * 6})" in done.stdout
    assert "falcohost.missing" not in done.stdout


OF_PLUGIN = """
- rule: Made
  desc: A test.
  condition: ct.name = CreateUser
  output: made (user=%ct.user)
  priority: NOTICE
  source: aws_cloudtrail
"""


def record(name, user):
    """Return a record of CloudTrail."""
    told = {"eventName": name, "eventType": "AwsApiCall", "userIdentity": {"userName": user, "type": "IAMUser"}}
    return json.dumps(told | {"eventTime": "2026-11-28T08:14:00Z", "eventID": f"{name}-{user}"}, indent=1).encode()


@pytest.fixture
def of_plugin(tmp_path):
    """Return a function that writes a capture of records that Falco's plugin with a number has read."""

    def of_plugin(*records, number=2, end=b"", packed=False):
        data = captures.section() + b"".join(captures.plugin_event(number, one) for one in records) + end
        path = tmp_path / f"plugin.scap{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(data) if packed else data)
        (tmp_path / "rules.yaml").write_text(OF_PLUGIN)
        return path

    return of_plugin


@pytest.mark.parametrize("packed", [False, True])
def test_records_of_a_plugin(alerts, of_plugin, packed):
    """What one of Falco's plugins has put into a capture is read by the plugin that stands for it."""
    large = record("CreateUser", "b" * 70_000)
    path = of_plugin(record("CreateUser", "anna"), record("Other", "x"), large, packed=packed)

    first, second = alerts("-r", path.parent / "rules.yaml", path)
    assert "made (user=anna)" == first
    assert second.startswith("made (user=bbbb")


def test_a_source_for_a_capture(alerts, of_plugin):
    """--source names what reads records of a plugin that nobody stands for."""
    path = of_plugin(record("CreateUser", "anna"), number=999)

    assert ["made (user=anna)"] == alerts("-r", path.parent / "rules.yaml", "--source", "cloudtrail", path)


def test_records_of_several_plugins(program, of_plugin):
    """Records of other plugins than the first are none of its source; that there are some is told."""
    path = of_plugin(record("CreateUser", "anna"), end=captures.plugin_event(5, record("CreateUser", "other")))
    done = program("run", "-r", str(path.parent / "rules.yaml"), str(path))

    assert 0 == done.returncode
    assert ["made (user=anna)"] == [line.partition(": Notice ")[2].strip() for line in done.stdout.splitlines()]
    assert "a capture has events of the plugins 2 and 5; those of the former are read" in done.stderr


def test_damage_in_records_of_a_plugin(program, of_plugin):
    """The records before damage are used; that there is damage is told."""
    whole = captures.plugin_event(2, record("CreateUser", "lost"))
    path = of_plugin(record("CreateUser", "anna"), end=whole[:-7])
    done = program("run", "-r", str(path.parent / "rules.yaml"), str(path))

    assert 0 == done.returncode
    assert ["made (user=anna)"] == [line.partition(": Notice ")[2].strip() for line in done.stdout.splitlines()]
    assert f"{path}: damaged capture" in done.stderr or "damaged capture" in done.stderr


@pytest.mark.parametrize(
    ("number", "arguments", "problem"),
    [
        (999, (), "PATH has events of the plugin with the number 999; --source names what reads them"),
        (2, ("--from", "+1s"), "--from and --to are for captures of system calls; this one has events of 'cloudtrail'"),
    ],
)
def test_mistakes_about_records_of_a_plugin(program, of_plugin, number, arguments, problem):
    """What cannot be done with such a capture is told."""
    path = of_plugin(record("CreateUser", "anna"), number=number)
    done = program("run", *arguments, str(path))

    assert (1, f"Error: {problem.replace('PATH', str(path))}\n") == (done.returncode, done.stderr)
