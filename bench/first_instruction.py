"""Counts in how many alerts about the first instruction of a container its name and image are, beside Falco.

    script/bench first_instruction [--falco PROGRAM --plugin libcontainer.so] [--runtimes containerd docker podman]

Containers are started one after the other, or *--at-once*, each of which reads /etc/shadow first. *told* counts the
containers of which there is an alert, *named* those whose alert has the container's name, *imaged* those whose alert
has the image. Falco watches at the same time, with its container plugin; podman's service runs for it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE / "plugins/syscall/tests"))

from container_runtimes import SOCKET, Ctr, Docker, Podman  # noqa: E402

from falcohost.testing.agent import Agent  # noqa: E402
from falcohost.testing.images import IMAGE, write_image  # noqa: E402

RULE = """
- rule: First
  desc: The first instruction of a container reads the hashes of passwords.
  condition: evt.type in (open, openat, openat2) and fd.name = /etc/shadow and proc.name = cat and container.id != host
  output: first | %container.id %container.name %container.image.repository
  priority: NOTICE
"""
RUNTIMES = {"containerd": Ctr, "docker": Docker, "podman": Podman}

#: Seconds that Falco, which does not say when it watches, is given for it, and both for what is on its way.
PATIENCE = 10


def falcos(folder: Path, plugin: Path, engines: dict[str, Any]) -> dict[str, Any]:
    """Return Falco's configuration."""
    off: dict[str, Any] = {
        name: {"enabled": False} for name in ("docker", "podman", "containerd", "cri", "lxc", "libvirt_lxc", "bpm")
    }
    return {
        "engine": {"kind": "modern_ebpf"},
        "rules_files": [str(folder / "rules.yaml")],
        "json_output": True,
        "stdout_output": {"enabled": True},
        "syslog_output": {"enabled": False},
        "webserver": {"enabled": False},
        "plugins": [{"name": "container", "library_path": str(plugin), "init_config": {"engines": off | engines}}],
        "load_plugins": ["container"],
    }


def counted(lines: str, names: list[str]) -> dict[str, int]:
    """Return how many containers are told, by name, and with their image."""
    alerts = [json.loads(line)["output_fields"] for line in lines.splitlines() if line.startswith("{")]
    alerts = [fields for fields in alerts if "container.id" in fields]
    named = {fields["container.name"] for fields in alerts}
    right = [fields for fields in alerts if str(fields["container.image.repository"]) == IMAGE.rpartition(":")[0]]
    return {
        "started": len(names),
        "told": len({fields["container.id"] for fields in alerts}),
        "named": len(named & {*names}),
        "imaged": len({fields["container.id"] for fields in right}),
    }


def measure(kind: str, given: argparse.Namespace, folder: Path) -> dict[str, dict[str, int]]:
    """Start the containers of one runtime; return the counts of each agent."""
    write_image(folder / "image.tar", files={})
    (folder / "rules.yaml").write_text(RULE)
    runtime = RUNTIMES[kind](folder, folder / "image.tar")
    plugin = {"plugins": [{"name": "container", "init_config": {"engines": runtime.engines}}]}
    own = {"falcohost": {"lookups": {"wait": 2.9}, "fold": {"enabled": False}}}
    found: dict[str, dict[str, int]] = {}
    falco = None
    with contextlib.ExitStack() as stack:
        stack.callback(runtime.close)
        if isinstance(runtime, Podman):
            socket = folder / "podman.sock"
            stack.enter_context(runtime.served(socket))
        else:
            socket = runtime.socket if isinstance(runtime, Docker) else SOCKET
        if given.falco:
            engines = {kind: {"enabled": True, "sockets": [str(socket)]}}
            (folder / "falcos.yaml").write_text(json.dumps(falcos(folder, given.plugin.absolute(), engines)))
            out = stack.enter_context((folder / "falco").open("wb"))
            log = stack.enter_context((folder / "falco.log").open("wb"))
            falco = subprocess.Popen([given.falco, "-U", "-c", folder / "falcos.yaml"], stdout=out, stderr=log)
            stack.callback(falco.wait)
            stack.callback(falco.terminate)
        agent = Agent(folder, [folder / "rules.yaml"], settings={"load_plugins": ["container"], **plugin, **own})
        stack.callback(agent.kill)
        agent.wait_until_ready()
        time.sleep(PATIENCE if falco else 0)
        with ThreadPoolExecutor(given.at_once) as threads:
            names = [*threads.map(lambda _: runtime.execute("/bin/cat", "/etc/shadow", fails=True), range(given.count))]
        time.sleep(PATIENCE)
        found["falcohost"] = counted(agent.output, names)
        if falco:
            found["Falco"] = counted((folder / "falco").read_text(errors="replace"), names)
            print((folder / "falco.log").read_text(errors="replace")[-3000:], file=sys.stderr)
    return found


def main() -> None:
    """Count, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--falco", help="the program of Falco")
    parser.add_argument("--plugin", type=Path, help="its container plugin")
    parser.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=[*RUNTIMES])
    parser.add_argument("--count", type=int, default=100, help="containers of each runtime")
    parser.add_argument("--at-once", type=int, default=1, help="how many start at once")
    given = parser.parse_args()
    figures: dict[str, dict[str, dict[str, int]]] = {}
    for kind in given.runtimes:
        with tempfile.TemporaryDirectory(prefix="falcohost-first-") as name:
            Path(name).chmod(0o755)
            figures[kind] = measure(kind, given, Path(name))
        for who, counts in figures[kind].items():
            print(f"{kind:12} {who:10} " + "  ".join(f"{name} {number}" for name, number in counts.items()))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
