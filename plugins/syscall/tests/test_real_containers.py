"""Containers that real runtimes start: containerd through ctr, docker, and podman. Images come from a local file."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from container_runtimes import Ctr, Docker, Podman, need

from falcohost.testing import skip_or_fail
from falcohost.testing.images import IMAGE, is_static, write_image
from falcohost.testing.waiting import wait_until

SHELL = "Terminal shell in container"
ENTRYPOINT = "Modify Container Entrypoint"

RULES = """
- rule: Seen
  desc: The container's own file is read.
  condition: evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-test
  output: >
    seen | %proc.name %proc.cmdline %proc.exepath %proc.cwd %proc.vpid %proc.pid %proc.pname %fd.name %user.name
    %container.id %container.full_id %container.type
  priority: NOTICE
- rule: First
  desc: The first instruction of a container reads a file.
  condition: >
    evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-first
    and container.image.repository = localhost/falcohost/test
  output: >
    first | %fd.name %container.name %container.image %container.image.tag %container.image.digest %container.mounts
  priority: NOTICE
- rule: Asked
  desc: Somebody talks to containerd.
  condition: evt.type = connect and fd.name endswith /containerd.sock
  output: asked | %proc.name %fd.name %proc.apid[1] %proc.apid[2]
  priority: NOTICE
- rule: Read
  desc: Somebody reads what runtimes keep of containers.
  condition: >
    evt.type in (open, openat, openat2) and (fd.name startswith /run/runc or fd.name contains containers.json)
  output: read | %proc.name %fd.name %proc.apid[1] %proc.apid[2]
  priority: NOTICE
- rule: Host only
  desc: The same, on the host.
  condition: evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-test and container.id = host
  output: host | %fd.name
  priority: NOTICE
"""


#: The programs of each.
PROGRAMS = {Ctr: ("containerd", "ctr", "runc"), Docker: ("dockerd", "docker", "runc"), Podman: ("podman",)}


@pytest.fixture(scope="module", params=PROGRAMS, ids=lambda one: one.type)
def runtime(request, bpf, tmp_path_factory) -> Iterator[Ctr | Docker | Podman]:
    """Return each runtime that this machine has, with the image in it."""
    need(request.param.type, *PROGRAMS[request.param], "busybox")
    if not is_static():
        skip_or_fail(request.param.type, "busybox is linked dynamically: apt-get install busybox-static")
    folder = tmp_path_factory.mktemp(request.param.type)
    write_image(folder / "image.tar")
    runtime = request.param(folder, folder / "image.tar")
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def agent(runtime, start_agent, corpus, tmp_path_factory):
    """Return an agent with the public stable rules, one of the others, and those of this file."""
    rules = tmp_path_factory.mktemp("rules") / "containers.yaml"
    rules.write_text(RULES)
    public = [corpus / "rules" / name for name in ("falco_rules.yaml", "falco-sandbox_rules.yaml")]
    chosen = [{"disable": {"tag": "maturity_sandbox"}}, {"enable": {"rule": ENTRYPOINT}}]
    plugin = {"plugins": [{"name": "container", "init_config": {"engines": runtime.engines}}]}
    asked = {**plugin, "load_plugins": ["container"], "falcohost": {"lookups": {"wait": 2.9}}}
    return start_agent(*public, rules, settings={"rule_matching": "all", "rules": chosen, **asked})


def reads(mark: str) -> str:
    """Return a script that reads a file that is not there, and whose name is the mark."""
    return f"/bin/cat /etc/falcohost-test-{mark} 2>/dev/null; :"


def test_container_and_process(agent, runtime):
    """Who does something in a container is told with the container's id, and seen from inside and from outside."""
    mark = secrets.token_hex(4)
    full_id = runtime.start(reads(mark), terminal=False)
    alert = agent.wait_for(lambda alert: alert["rule"] == "Seen" and mark in str(alert))
    fields = alert["output_fields"]

    assert (full_id[:12], full_id, runtime.type) == tuple(
        fields[f"container.{name}"] for name in ("id", "full_id", "type")
    )
    assert ("cat", f"cat /etc/falcohost-test-{mark}") == (fields["proc.name"], fields["proc.cmdline"])
    assert ("/bin/busybox", "/", "sh") == (fields["proc.exepath"], fields["proc.cwd"], fields["proc.pname"])
    assert fields["proc.vpid"] < 20 < fields["proc.pid"]
    assert ("root", f"/etc/falcohost-test-{mark}") == (fields["user.name"], fields["fd.name"])


def test_a_container_that_has_ended(agent, runtime, syscall_worker):
    """What a container did is told with its id also if the agent gets round to it after its runtime has removed it."""
    mark = secrets.token_hex(4)
    stopped = syscall_worker(agent.process.pid)
    os.kill(stopped, signal.SIGSTOP)
    try:
        full_id = runtime.start(reads(mark), terminal=False)
    finally:
        with contextlib.suppress(ProcessLookupError):  # it is replaced if it does not go on soon
            os.kill(stopped, signal.SIGCONT)
    alert = agent.wait_for(lambda alert: alert["rule"] == "Seen" and mark in str(alert))

    assert (full_id, runtime.type) == tuple(alert["output_fields"][f"container.{name}"] for name in ("full_id", "type"))


def test_rule_about_the_host_is_silent(agent, runtime):
    """A rule about the host fires for the host and not for the container."""
    inside, outside, last = (secrets.token_hex(4) for _ in range(3))
    runtime.start(reads(inside), terminal=False)
    for mark in (outside, last):
        subprocess.run(["/bin/sh", "-c", reads(mark)], check=True)
    agent.wait_for(lambda alert: alert["rule"] == "Host only" and last in str(alert))

    assert {outside, last} == {
        mark for mark in (inside, outside, last) for a in agent.alerts if a["rule"] == "Host only" and mark in str(a)
    }


def test_terminal_shell(agent, runtime):
    """The public rule fires for a shell on a terminal in a container, and not for one without."""
    quiet, loud = secrets.token_hex(4), secrets.token_hex(4)
    runtime.start(f": {quiet}", terminal=False)
    runtime.start(f": {loud}", terminal=True)
    alert = agent.wait_for(lambda alert: alert["rule"] == SHELL and loud in str(alert))

    assert ("sh", runtime.parent) == (alert["output_fields"]["proc.name"], alert["output_fields"]["proc.pname"])
    assert alert["output_fields"]["proc.tty"] != 0
    assert not any(alert["rule"] == SHELL and quiet in str(alert) for alert in agent.alerts)


def test_output_opened_by_its_descriptor(agent, runtime):
    """Falco's rule about descriptors that are opened anew for writing fires where these are pipes or a terminal."""
    pipe, terminal, quiet, last = (secrets.token_hex(4) for _ in range(4))
    runtime.start(f"echo {quiet} > /dev/null", terminal=False)
    runtime.start(f"echo {pipe} > /proc/self/fd/1", terminal=False)
    runtime.start(f"echo {terminal} > /proc/self/fd/1", terminal=True)
    runtime.start(reads(last), terminal=False)
    agent.wait_for(lambda alert: alert["rule"] == "Seen" and last in str(alert))
    found = {
        mark: alert["output_fields"]["fd.name"]
        for alert in agent.alerts
        for mark in (pipe, terminal, quiet)
        if alert["rule"] == ENTRYPOINT and mark in str(alert)
    }

    assert {pipe: "/proc/self/fd/1", terminal: "/proc/self/fd/1"} == found


@pytest.mark.parametrize("together", [False, True])
def test_the_first_instruction(agent, runtime, soak, together):
    """What a container does first is told with its name and image, also where many start at once and end at once."""
    count = soak(20, 8) if together else soak(100, 1)
    marks = [f"/etc/falcohost-first-{secrets.token_hex(4)}" for _ in range(count)]
    with ThreadPoolExecutor(count if together else 1) as threads:
        names = list(threads.map(lambda mark: runtime.execute("/bin/cat", mark, fails=True), marks))
    found = {}
    for mark in marks:
        alert = agent.wait_for(lambda alert, mark=mark: alert["rule"] == "First" and mark in str(alert))
        found[alert["output_fields"]["fd.name"]] = alert["output_fields"]
    # Docker gives an image that it has from a file no digest, and tells no mounts of its own.
    digest, mounts = ("None", False) if runtime.type == "docker" else ("sha256:", True)
    wanted = [(name, IMAGE, "1", digest, mounts) for name in names]

    assert wanted == [
        (
            found[mark]["container.name"],
            found[mark]["container.image"],
            found[mark]["container.image.tag"],
            str(found[mark]["container.image.digest"])[:7],
            "/proc" in str(found[mark]["container.mounts"]),
        )
        for mark in marks
    ]


def test_the_agent_asks_unseen(agent, runtime):
    """What the agent does to learn of containers is no event; what others do at the same sockets is."""
    mark = f"/etc/falcohost-first-{secrets.token_hex(4)}"
    runtime.execute("/bin/cat", mark, fails=True)
    agent.wait_for(lambda alert: alert["rule"] == "First" and mark in str(alert))
    asked = what_asked(agent)

    assert runtime.type != "containerd" or "ctr" in {fields["proc.name"] for fields in asked}
    assert [] == by_the_agent(agent, asked)


def test_what_a_former_worker_had_asked_is_unseen(agent, runtime, syscall_worker):
    """What the helper of a worker that was replaced did, and nobody had read yet, is no event either."""
    before, first, last = syscall_worker(agent.process.pid), *(secrets.token_hex(4) for _ in range(2))
    os.kill(agent.process.pid, signal.SIGSTOP)  # it would replace the worker at once
    try:
        os.kill(before, signal.SIGSTOP)
        runtime.execute("/bin/cat", f"/etc/falcohost-first-{first}", fails=True)
    finally:
        os.kill(agent.process.pid, signal.SIGCONT)
    wait_until(lambda: syscall_worker(agent.process.pid) != before)
    runtime.execute("/bin/cat", f"/etc/falcohost-first-{last}", fails=True)
    agent.wait_for(lambda alert: alert["rule"] == "First" and last in str(alert))

    assert [] == by_the_agent(agent, what_asked(agent))


def what_asked(agent):
    """Return the fields of the alerts about who asks runtimes, or reads their files."""
    return [alert["output_fields"] for alert in agent.alerts if alert["rule"] in ("Asked", "Read")]


def by_the_agent(agent, found):
    """Return those that are by a child or grandchild of the supervisor."""
    return [fields for fields in found if agent.process.pid in (fields["proc.apid[1]"], fields["proc.apid[2]"])]
