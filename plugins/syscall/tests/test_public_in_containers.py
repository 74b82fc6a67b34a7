"""Falco's public rules, all of them, fired in real containers of podman, each with a harmless twin that fires it not.

What is enabled by default and what is not, and rules about hosts, which have their twins in a container. And the kinds
of rules with which everybody begins.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import container_runtimes
import pytest
import yaml
from container_runtimes import Podman
from public_lines import COPIED, FIRST, FIRST_RULES, LINES, OUTSIDE, POOL, SERVER, STARTS, USER

from falcohost.testing.images import BUSYBOX, IMAGE

FILES = ("falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml")
#: Programs in lines that are busybox; all others are the tester.
SYSTEM = frozenset(("cat", "find", "grep", "sh", "true"))
#: Tags of the image: of the privileged container, and of one that rules know.
OTHER, TRUSTED = "localhost/falcohost/other:1", "quay.io/sysdig/falcohost:1"
REPOSITORY = IMAGE.rpartition(":")[0]
POD = {"io.kubernetes.pod.name": "web-1", "io.kubernetes.pod.namespace": "shop"}

#: The containers' names, and where the lines' folders are there; others may run this at the same time.
PRIVILEGED, PLAIN, COPIES, KNOWN = (
    f"{name}-{secrets.token_hex(4)}" for name in ("privileged", "plain", "copies", "known")
)

PLACE = f"/t{secrets.token_hex(4)}"

#: What the rules leave to whoever uses them.
OWN = f"""
- macro: allowed_containers
  condition: (container.image.repository = {REPOSITORY})
- list: namespace_scope_network_only_subnet
  items: [shop]
"""
ACCOUNTS = {
    "etc/passwd": f"root:x:0:0::/:/bin/sh\ndaemon:x:1:1::/:/bin/sh\nwebby:x:{USER}:{USER}::/:/bin/sh\n".encode(),
    "etc/group": b"root:x:0:\n",
    "etc/shadow": b"root:*:::::::\n",
}


class Containers:
    """Runs lines in containers. Each line has a folder of its own, which all containers have at the same place."""

    def __init__(self, podman: Podman, folder: Path, tester: Path) -> None:
        self._podman = podman
        self._folder = folder
        self._programs = {True: shutil.copy(BUSYBOX, folder / "busybox"), False: shutil.copy(tester, folder / "tester")}
        self.names: dict[str, str] = {}

    def words(self, key: str, line: str) -> list[str]:
        """Return the words of a line as the container sees them, and make what they need."""
        name = self.names[key] = f"n{len(self.names)}"
        (self._folder / name).mkdir()
        return [self._word(word, name) for word in line.lstrip("?!").split()]

    def _word(self, word: str, name: str) -> str:
        word = word.replace("$tmp/@", "@").replace("$tmp", f"{PLACE}/{name}")
        if not word.startswith("@"):
            return word
        program = self._folder / name / word[1:]
        if not program.exists():
            os.link(self._programs[program.name in SYSTEM], program)
        return f"{PLACE}/{name}/{program.name}"

    def run(self, name: str, lines: Mapping[str, str], *options: str) -> None:
        """Run lines in one container; each has to succeed, but those that may fail."""
        script = [f"exec 2> {PLACE}/{name}.errors"]
        for key, line in lines.items():
            command = shlex.join(self.words(key, line))
            end = "|| :" if line.startswith("?") else f"|| echo {shlex.quote(key)} >&2"
            ground = " &" if " after " in line else ""
            script.append(f"(cd {PLACE}/{self.names[key]} && {command} > /dev/null < /dev/null {end}){ground}")
        (self._folder / f"{name}.sh").write_text("\n".join([*script, "wait", ""]))
        self.start(name, *options, command=("/bin/sh", f"{PLACE}/{name}.sh"))
        told = [line for line in (self._folder / f"{name}.errors").read_text().splitlines() if line in lines]
        assert [] == told, (self._folder / f"{name}.errors").read_text()

    def start(self, name: str, *options: str, command: tuple[str, ...] = ("/bin/sh", "-c", ":")) -> None:
        """Run one command in a container."""
        image = next((one for one in options if ":1" in one), IMAGE)
        given = [one for one in options if one != image]
        self._podman.do(
            "run", "--rm", "--name", name, "--network=none", *given, f"-v{self._folder}:{PLACE}", image, *command
        )

    def rules(self, agent, key: str) -> set[str]:
        """Return the rules of the alerts about a line, wherever it ran."""
        marks = f"{PLACE}/{self.names[key]}/", f"{self._folder}/{self.names[key]}/"
        told = [(alert["rule"], str(alert["output_fields"])) for alert in agent.alerts]
        return {rule for rule, fields in told if any(mark in fields for mark in marks)}


@pytest.fixture(scope="module")
def podman(bpf, tmp_path_factory) -> Iterator[Podman]:
    """Return podman with the image under three names, whose containers are on overlays."""
    podman = container_runtimes.podman(tmp_path_factory.mktemp("podman"), "overlay", ACCOUNTS)
    podman.do("tag", IMAGE, OTHER, TRUSTED)
    yield podman
    podman.close()


@pytest.fixture(scope="module")
def agent(podman, start_agent, corpus, tmp_path_factory):
    """Return an agent with all public rules, whose names of hosts are ours."""
    folder = tmp_path_factory.mktemp("etc")
    (folder / "hosts").write_text(f"{SERVER} kubernetes.default.svc.cluster.local\n{POOL} xmr.crypto-pool.fr\n")
    (folder / "nsswitch.conf").write_text("hosts: files\n")
    (folder / "own.yaml").write_text(OWN + FIRST_RULES)
    mounts = "; ".join(f"mount --bind {folder}/{name} /etc/{name}" for name in ("hosts", "nsswitch.conf"))
    plugin = {"plugins": [{"name": "container", "init_config": {"engines": podman.engines}}]}
    more = {"load_plugins": ["container"], "append_output": [{"suggested_output": True}]}
    enabled = {"rules": [{"enable": {"rule": "*"}}], "falcohost": {"lookups": {"wait": 2.9}}}
    return start_agent(
        *(corpus / "rules" / name for name in FILES),
        folder / "own.yaml",
        settings={"rule_matching": "all", **plugin, **more, **enabled},
        before=("unshare", "-m", "sh", "-c", f'{mounts}; exec "$@"', "sh"),
    )


@pytest.fixture(scope="module")
def containers(agent, podman, static_tester, open_folder) -> Containers:
    """Run all lines in two containers, start others, and return when all has been told."""
    folder = open_folder / secrets.token_hex(4)
    folder.mkdir()
    containers = Containers(podman, folder, static_tester)
    both = {**LINES, **FIRST}
    lines = {rule: fires for rule, (fires, _) in both.items()}
    lines |= {f"twin of {rule}": twin for rule, (_, twin) in both.items()}
    lines |= {f"twin of {rule}": line for rule, line in OUTSIDE.items()}
    lines |= {f"twin of {COPIED[0]}": COPIED[2]}
    is_privileged = {key: "!" in line for key, line in lines.items()}
    labels = [f"--label={key}={value}" for key, value in POD.items()]

    containers.start(KNOWN, "--privileged", TRUSTED)
    containers.start(COPIES, f"--user={USER}", command=(*containers.words(COPIED[0], COPIED[1]),))
    privileged = {key: line for key, line in lines.items() if is_privileged[key]} | {"last there": "@cat /etc/shadow"}
    containers.run(PRIVILEGED, privileged, "--privileged", OTHER, *labels)
    plain = {key: line for key, line in lines.items() if not is_privileged[key]} | {"last here": "@cat /etc/shadow"}
    containers.run(PLAIN, plain, "--security-opt=seccomp=unconfined")
    for rule, line in OUTSIDE.items():
        outside = [word.replace(f"{PLACE}/", f"{folder}/") for word in containers.words(rule, line)]
        subprocess.run(outside, check=True)
    subprocess.run(["cat", "/etc/shadow"], stdout=subprocess.DEVNULL, check=True)

    def is_last(alert) -> bool:
        return alert["rule"] == "Read sensitive file untrusted" and alert["output_fields"]["container.id"] == "host"

    for key in ("last there", "last here"):
        mark = f"{PLACE}/{containers.names[key]}/"
        agent.wait_for(lambda alert, mark=mark: mark in str(alert["output_fields"]))
    agent.wait_for(is_last)
    assert agent.stop() == 0
    return containers


def about(agent, container: str) -> set[str]:
    """Return the rules of the alerts about a container."""
    return {alert["rule"] for alert in agent.alerts if alert["output_fields"].get("container.name") == container}


def test_all_rules_are_here(corpus):
    """Every rule of the public sets has its lines here, and none is left out."""
    files = (yaml.safe_load((corpus / "rules" / name).read_text()) for name in FILES)
    names = {item["rule"] for file in files for item in file if "rule" in item}

    assert names == {*LINES, *OUTSIDE, *STARTS, COPIED[0]}


@pytest.mark.parametrize("rule", [*LINES, *FIRST, *OUTSIDE, COPIED[0]])
def test_fires(agent, containers, rule):
    """The rule fires for its line, and not for the line's twin."""
    assert rule in containers.rules(agent, rule)
    assert rule not in containers.rules(agent, f"twin of {rule}")


def test_starts(agent, containers):
    """Rules about how a container starts fire for the privileged one, and not for those that are allowed."""
    assert STARTS <= about(agent, PRIVILEGED)
    assert {"Container Run as Root User", "Launch Disallowed Container"} == about(agent, KNOWN) & STARTS
    assert {"Container Run as Root User", "Launch Sensitive Mount Container"} == about(agent, PLAIN) & STARTS
    assert {"Launch Sensitive Mount Container"} == about(agent, COPIES) & STARTS


def test_outputs_carry_the_image(agent, containers):
    """Every alert from a container says image and name, and the pod and its namespace where there is one."""
    names = ("container.name", "container.image.repository", "container.image.tag", "k8s.pod.name", "k8s.ns.name")
    told = {tuple(map(alert["output_fields"].get, names)) for alert in agent.alerts}
    other, trusted = (image.rpartition(":")[0] for image in (OTHER, TRUSTED))

    assert {
        (PRIVILEGED, other, "1", *POD.values()),
        (PLAIN, REPOSITORY, "1", None, None),
        (COPIES, REPOSITORY, "1", None, None),
        (KNOWN, trusted, "1", None, None),
    } == {one for one in told if one[0] in (PRIVILEGED, PLAIN, COPIES, KNOWN)}
