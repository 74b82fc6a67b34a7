"""The shipped rules about containers: each fires for a real container of podman, and none for its harmless twin."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import container_runtimes
import pytest
import yaml
from container_runtimes import Podman

from falcohost.testing.images import IMAGE

FOLDER = Path(__file__).resolve().parent.parent / "falcohost_syscall" / "rules"
FILE = FOLDER / "falcohost_run_containers_rules.yaml"
REPOSITORY = IMAGE.rpartition(":")[0]
OTHER = "localhost/falcohost/other:1"
RULES = {item["rule"] for item in yaml.safe_load(FILE.read_text()) if "rule" in item}
COPIED = "cat /bin/busybox > /tmp/sh; /bin/busybox chmod 755 /tmp/sh;"

#: For each rule how a container is started that fires it, and one that does not: options, and the shell's text.
STARTS: dict[str, tuple[list[str], str, list[str], str]] = {
    "Privileged container started": (["--privileged"], ":", ["--cap-add=NET_ADMIN"], ":"),
    "Container started with the root of the host": (["-v/:/host:ro"], ":", ["-v/tmp:/host"], ":"),
    "Container started with the socket of a container runtime": (
        ["-v$folder/docker.sock:/x.sock"],
        ":",
        ["-v$folder/other.sock:/docker.sock"],
        ":",
    ),
    "Program that the image does not have started in a container": (
        [],
        f"{COPIED} exec /tmp/sh -c :",
        [],
        f"{COPIED} exec sh -c :",
    ),
    "Container of an image that is not allowed started": ([OTHER], ":", [IMAGE], ":"),
}
ENTERED = "Command run in a container from outside"
ALLOWED = f"""
- list: fh_allowed_images
  items: [{REPOSITORY}]
  override: {{items: append}}
- rule: Container of an image that is not allowed started
  enabled: true
  override: {{enabled: replace}}
- rule: Last
  desc: The last one.
  condition: evt.type in (open, openat, openat2) and fd.name startswith /etc/falcohost-last
  output: last | %fd.name
  priority: NOTICE
"""


@pytest.fixture(scope="module")
def podman(bpf, tmp_path_factory) -> Iterator[Podman]:
    """Return podman with two images, whose containers are on overlays."""
    podman = container_runtimes.podman(tmp_path_factory.mktemp("podman"), "overlay")
    podman.do("tag", IMAGE, OTHER)
    yield podman
    podman.close()


@pytest.fixture(scope="module")
def agent(podman, start_agent, tmp_path_factory):
    """Return an agent with the shipped rules."""
    allowed = tmp_path_factory.mktemp("rules") / "allowed.yaml"
    allowed.write_text(ALLOWED)
    plugin = {"plugins": [{"name": "container", "init_config": {"engines": podman.engines}}]}
    more = {"load_plugins": ["container"], "falcohost": {"lookups": {"wait": 2.9}}}
    return start_agent(*sorted(FOLDER.glob("*.yaml")), allowed, settings={"rule_matching": "all", **plugin, **more})


def fired(agent, name: str) -> list[tuple[str, dict[str, object]]]:
    """Return the rules of this file that have fired for a container, with their fields."""
    found = [(alert["rule"], alert["output_fields"]) for alert in agent.alerts if alert["rule"] in RULES]
    return [(rule, fields) for rule, fields in found if fields["container.name"] == name]


def started(podman, folder: Path, options: list[str], text: str) -> str:
    """Run a shell in a container; return the container's name."""
    name = f"falcohost-{secrets.token_hex(4)}"
    image = next((one for one in options if one in (IMAGE, OTHER)), IMAGE)
    given = [one.replace("$folder", str(folder)) for one in options if one != image]
    podman.do("run", "--rm", "--name", name, "--network=none", *given, image, "/bin/sh", "-c", text)
    return name


def end(agent, podman) -> None:
    """Wait until everything before has been told."""
    mark = f"/etc/falcohost-last-{secrets.token_hex(4)}"
    podman.execute("/bin/cat", mark, fails=True)
    agent.wait_for(lambda alert: alert["rule"] == "Last" and mark in str(alert))


def test_all_rules_are_here():
    """Every rule of the file has a container here."""
    assert {*STARTS, ENTERED} == RULES


@pytest.mark.parametrize("rule", STARTS)
def test_started(agent, podman, tmp_path, rule):
    """A container fires its rule, which says name and image; its twin fires none."""
    for name in ("docker.sock", "other.sock"):
        (tmp_path / name).touch()
    options, text, twins_options, twins_text = STARTS[rule]
    bad, twin = started(podman, tmp_path, options, text), started(podman, tmp_path, twins_options, twins_text)
    end(agent, podman)
    agent.wait_for(lambda alert: alert["rule"] == rule and bad in str(alert))

    assert {rule} == {name for name, _ in fired(agent, bad)}
    repository = (OTHER if OTHER in options else IMAGE).rpartition(":")[0]
    assert {(repository, "1")} == {
        (fields["container.image.repository"], fields["container.image.tag"]) for _, fields in fired(agent, bad)
    }
    assert [] == fired(agent, twin)


def test_entered(agent, podman):
    """A command from outside is told, with a terminal or without; a health check, and what runs inside, are not."""
    name = f"falcohost-{secrets.token_hex(4)}"
    check = ["--health-cmd=true && cat /etc/passwd", "--health-interval=disable"]
    podman.do(
        "run", "-d", "--name", name, "--network=none", *check, IMAGE, "/bin/sh", "-c", "while :; do sleep 1; done"
    )
    try:
        podman.do("healthcheck", "run", name)
        podman.do("exec", name, "/bin/sh", "-c", "cat /etc/passwd; :")
        podman.do("exec", "-t", name, "/bin/cat", "/etc/passwd")
    finally:
        podman.do("rm", "-f", "-t0", name)
    end(agent, podman)
    told = {"sh -c cat /etc/passwd; :": True, "cat /etc/passwd": False}
    for line in told:
        agent.wait_for(
            lambda alert, line=line: (
                (ENTERED, name, line)
                == (alert["rule"], *map(alert["output_fields"].get, ("container.name", "proc.cmdline")))
            )
        )

    assert {(ENTERED, line, no_terminal) for line, no_terminal in told.items()} == {
        (rule, fields["proc.cmdline"], fields["proc.tty"] == 0) for rule, fields in fired(agent, name)
    }
