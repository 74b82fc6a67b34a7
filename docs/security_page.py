"""Writes the tables in docs/security.md, between their marks: what the processes of a running agent may do.

script/security runs it, as root, and tests/test_security.py compares, so that the page is never out of date.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

from confined import Confined, processes

from falcohost.host.confine.calls import ADDED, BASE, DANGEROUS
from falcohost.needs import CONNECT
from falcohost.testing.agent import Agent
from falcohost.testing.descendants import below
from falcohost.testing.ports import Port
from falcohost.testing.waiting import wait_until

PAGE = Path(__file__).resolve().parent / "security.md"
_TABLE = "<!-- {name}: written by script/security -->\n(?s:.*?)<!-- end of {name} -->"


class Role(NamedTuple):
    """What a process is there for.

    :ivar budget: the most memory that it takes when it is idle, in MiB: its proportional set size.
    """

    what: str
    files: str
    network: str
    budget: int


#: The processes of the agent that is looked at.
ROLES: Mapping[str, Role] = {
    "supervisor": Role("starts, watches and replaces the others", "any", "the control socket", 45),
    "store": Role("decodes alerts, and is the only one that writes the database", "the state directory", "-", 20),
    "outputs": Role("delivers alerts", "any that others may read or change", "connects", 25),
    "helpers of outputs": Role("starts the program of an output, and ends it", "any that others may read", "any", 15),
    "programs of outputs": Role("the program", "any of its user", "any", 5),
    "health": Role("answers `/healthz`, `/metrics` and the like", "Python's own", "accepts connections", 25),
    "actions": Role("signals processes that alerts are about", "reads `/proc` and cgroups", "-", 25),
    "responses": Role("runs actions' programs, posts, plugins' actions", "any that others may read", "connects", 30),
    "helpers of responses": Role(
        "starts the programs of actions, and ends them", "any that others may read", "any", 15
    ),
    "loader of source syscall": Role("loads the probe and its filters", "reads `/etc`, `/sys` and `/proc`", "-", 20),
    "source syscall": Role("decodes what the probe tells", "reads `/etc`", "-, or connects", 40),
    "helpers of source syscall": Role("reads `/proc` for it", "reads any", "-", 13),
    "helpers of source syscall: runtimes": Role("asks container runtimes", "reads those of runtimes", "connects", 15),
    "helpers of source syscall: pauses": Role("pauses starts of containers", "-", "-", 13),
    "helpers of source syscall: captures": Role("writes captures of alerts", "changes the folder of captures", "-", 15),
    "source k8s_audit": Role("a webhook", "Python's own", "accepts connections", 25),
    "source app": Role("follows files", "reads their folders", "-", 20),
    "source printed": Role("reads what a program prints", "Python's own", "-", 20),
    "helpers of source printed": Role("starts the program, and ends it", "any that others may read", "any", 15),
    "programs of source printed": Role("the program", "any of its user", "any", 5),
    "source okta": Role("asks an API", "reads `/etc`", "connects", 25),
}

#: The programs of a source and of an output.
PROGRAMS = ("sleep 1000", "exec sleep 2000")

RULES = """
- rule: {source}
  desc: Gives the source something to do.
  condition: {condition}
  output: seen
  priority: NOTICE
  source: {source}
"""

CONDITIONS = {
    "syscall": "evt.type = openat and fd.name = /tmp/falcohost-nothing and container.image = nothing",
    "k8s_audit": "ka.verb = nothing",
    "app": "json.value[/nothing] = nothing",
    "printed": "text.line = nothing",
    "okta": "okta.evt.type = nothing",
}


def look(folder: Path) -> dict[str, Confined]:
    """Start an agent with a source of each kind, whose files are in *folder*; return what its processes may do."""
    port, web = Port(), Port()
    (folder / "rules.yaml").write_text("".join(RULES.format(source=s, condition=c) for s, c in CONDITIONS.items()))
    (folder / "token").write_text("a-token-of-an-example-0123456789")
    (folder / "token").chmod(stat.S_IRUSR)
    (folder / "logs").mkdir()
    (folder / "states").mkdir()
    (folder / "captures").mkdir(mode=0o700)
    shutil.copy("/bin/true", folder / "runtime")
    agent = Agent(folder, [folder / "rules.yaml"], settings=_settings(folder, port.number, web.number))
    try:
        agent.wait_until_ready()
        wait_until(lambda: _answers(web.number))  # so it is confined
        wait_until(lambda: [*below(agent.process.pid).values()].count("sleep") == len(PROGRAMS))
        return processes(agent.process.pid)
    finally:
        agent.kill()
        port.close()
        web.close()


def _answers(port: int) -> bool:
    """Return whether the endpoints on *port* answer that the agent is ready."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(link), contextlib.suppress(OSError):
        link.request("GET", "/readyz")
        return link.getresponse().status == http.client.OK
    return False


def _settings(folder: Path, port: int, web: int) -> dict[str, Any]:
    nowhere = "http://127.0.0.1:9"
    token = str(folder / "token")
    nobody = {name: {"enabled": False} for name in ("docker", "podman", "cri", "containerd")}
    runtimes = {
        "engines": {**nobody, "runc": {"states": [str(folder / "states")]}},
        "pause": {"enabled": True, "programs": [str(folder / "runtime")]},
    }
    app = {"name": "app", "open_params": str(folder / "logs/app.log"), "follow": True}
    return {
        "webserver": {"enabled": True, "listen_port": web, "prometheus_metrics_enabled": True},
        "metrics": {"enabled": True},
        "capture": {"enabled": True, "path_prefix": str(folder / "captures/falco")},
        "falcohost": {"internal": {"agent_started": True}},  # so that there is an alert for the program
        "program_output": {"enabled": True, "program": PROGRAMS[1]},
        "actions": {
            "enabled": True,
            "define": {
                "kill": {"type": "kill"},
                "run": {"type": "program", "program": "cat"},
                "post": {"type": "http", "url": nowhere},
            },
        },
        "load_plugins": ["k8saudit", "json", "text", "okta"],
        "plugins": [
            {"name": "k8saudit", "open_params": f"http://127.0.0.1:{port}/audit", "init_config": {"tokenFile": token}},
            {"name": "json", "init_config": {"sources": [app]}},
            {"name": "text", "init_config": {"sources": [{"name": "printed", "program": PROGRAMS[0]}]}},
            {"name": "okta", "init_config": {"organization": "example", "url": nowhere, "api_token_file": token}},
            {"name": "container", "init_config": runtimes},
        ],
    }


def renewed(text: str, found: Mapping[str, Confined]) -> str:
    """Return the page *text* with current tables."""
    for name, table in {"processes": process_table(found), "system calls": call_table()}.items():
        lines = "\n".join(table)
        new = f"<!-- {name}: written by script/security -->\n\n{lines}\n\n<!-- end of {name} -->"
        text = re.sub(_TABLE.format(name=name), new.replace("\\", r"\\"), text)
    return text


def process_table(found: Mapping[str, Confined]) -> Iterator[str]:
    """Yield the lines of the table of processes."""
    heads = ("process", "for", "user", "capabilities", "system calls", "files", "network", "left out", "memory")
    yield from _row(*heads)
    yield from _row(*["---"] * len(heads))
    for role, may in found.items():
        what, files, network, budget = ROLES[role]
        capabilities = ", ".join(f"`{name}`" if name != "all" else name for name in may.capabilities) or "-"
        calls = may.calls if may.calls in ("all", "") else ", ".join(f"`{need}`" for need in may.calls.split(", "))
        yield from _row(role, what, may.user, capabilities, calls or "-", files, network, may.left_out, f"{budget} MiB")


def call_table() -> Iterator[str]:
    """Yield the lines of the table of system calls."""
    own = ("prctl", "ioctl", "tgkill", "prlimit64", "open", "openat", "socketpair")
    yield from _row("need", "system calls")
    yield from _row("---", "---")
    yield from _row("any process", _names(BASE, *own))
    for need, names in ADDED.items():
        yield from _row(f"`{need}`", _names(names, *(("socket",) if need == CONNECT else ())))
    yield from _row("`code`", "no more; but memory may be executable")
    yield from _row("`inspect`", "no more; but no Landlock")
    yield from _row("`threads`", "`clone` of threads, in no new namespace")
    yield from _row("`maps`", "`bpf`, to look up, change and delete in maps, by descriptor")
    yield from _row("`probe`", "the same, and to load, attach and run programs; `perf_event_open`")
    yield from _row("`program`", f"all but these, which fail with EPERM: {_names(DANGEROUS)}")


def _names(names: str, *more: str) -> str:
    return " ".join(f"`{name}`" for name in sorted((*names.split(), *more)))


def _row(*cells: str) -> Iterator[str]:
    yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        looked_at = look(Path(scratch))
    for role_, may_ in looked_at.items():
        print(f"{role_}: {may_.memory:.1f} MiB")
    PAGE.write_text(renewed(PAGE.read_text(), looked_at))
