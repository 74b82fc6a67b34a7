"""Compares the alerts of falcohost with those of Falco, field by field, on captures or on a command's events.

    script/bench alike --falco PROGRAM FILE.scap…           # each event of the captures, or --rules FILE's alerts
    script/bench alike --falco PROGRAM --rules FILE -- COMMAND…

Both get the same rules, and add all fields that both know to each alert. An alert is found again by its rule, its
thread and the time of its event in nanoseconds. With a COMMAND both watch this host while it runs; since each has its
own clock then, the type of the event and its place among such alerts take the place of the time. Printed are alerts
that one of them lacks, and for each field the number of alerts in which its values differ, with an example. *--ignore*
names fields that are not to be compared.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

EVERYTHING = """
- rule: Everything
  desc: Each event is an alert.
  condition: evt.num >= 0
  output: "%evt.num"
  priority: INFO
"""
OURS = str(Path(sys.executable).parent / "falcohost")

#: Seconds that Falco, which does not say when it watches, is given for it, and both for what is still on its way.
PATIENCE = 10

#: What tells the alerts of one event from those of another: in captures, and while both watch.
READ, WATCHED = ("thread.tid", "evt.time"), ("thread.tid", "evt.type")

#: Alerts' fields by their rule and such keys; several may have these in common.
Found = dict[tuple[Any, ...], list[Mapping[str, Any]]]

#: By field, those alerts in which it differs: the rule, the event's type, Falco's value and ours.
Unlike = dict[str, list[tuple[str, Any, Any, Any]]]


def known(program: str, config: Path) -> dict[str, bool]:
    """Return the fields of system calls that a program knows, and whether they may go without an argument."""
    command = [program, "-c", config, "--list=syscall", "--format", "json"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    rows = [row for group in told["fieldclasses"] for row in group["fields"]]
    return {row["name"]: not (row.get("argument") or {}).get("required") for row in rows}


def settings(names: Sequence[str], capture: Path | None, rules: Sequence[Path]) -> dict[str, Any]:
    """Return the configuration of both."""
    engine = {"kind": "modern_ebpf"}
    if capture:
        engine = {"kind": "replay", "replay": {"capture_file": str(capture)}}
    return {
        "engine": engine,
        "rules_files": [str(path) for path in rules],
        "json_output": True,
        "rule_matching": "all",
        "base_syscalls": {"all": capture is not None},
        "stdout_output": {"enabled": True},
        "syslog_output": {"enabled": False},
        "webserver": {"enabled": False},
        "append_output": [{"match": {"source": "syscall"}, "extra_fields": list(names)}],
    }


def alerts(output: Path, keys: Sequence[str]) -> Found:
    """Return the alerts about events in an output, by their rules and *keys*."""
    found: Found = defaultdict(list)
    for line in output.read_text(errors="replace").splitlines():
        if not line.startswith("{"):
            continue
        alert = json.loads(line)
        values = alert["output_fields"]
        if all(values.get(key) is not None for key in keys):
            found[alert["rule"], *(values[key] for key in keys)].append(values | {"priority": alert["priority"]})
    return found


def commands(falco: str, plugin: Path | None, folder: Path, configured: Mapping[str, Any]) -> dict[str, list[str]]:
    """Write both configurations, and return both commands."""
    loaded: dict[str, Any] = {}
    if plugin:
        container = {"name": "container", "library_path": str(plugin.absolute()), "init_config": {"label_max_len": 100}}
        loaded = {"plugins": [container], "load_plugins": ["container"]}
    (folder / "falco.yaml").write_text(json.dumps({**configured, **loaded}))
    own = {"fold": {"enabled": False}, "alerts": {"max_per_second": 100_000}}
    (folder / "falcohost.yaml").write_text(json.dumps({**configured, "falcohost": own}))
    return {
        "Falco": [*shlex.split(falco), "-U", "-c", str(folder / "falco.yaml")],
        "falcohost": [OURS, "-U", "-c", str(folder / "falcohost.yaml")],
    }


@contextlib.contextmanager
def started(who: str, command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start an agent, whose output goes to a file with its name; at the end stop it."""
    with (folder / who).open("wb") as out, (folder / f"{who}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=out, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def watch(both: Mapping[str, Sequence[str]], command: Sequence[str], folder: Path) -> None:
    """Run a command while both watch."""
    with started("Falco", both["Falco"], folder), started("falcohost", both["falcohost"], folder):
        end = time.monotonic() + 60
        while b"Ready after" not in (folder / "falcohost.log").read_bytes():
            if time.monotonic() > end:
                sys.exit(f"it does not get ready: {(folder / 'falcohost.log').read_text(errors='replace')}")
            time.sleep(0.1)
        time.sleep(PATIENCE)
        print("exit code", subprocess.run(command).returncode, file=sys.stderr)
        time.sleep(PATIENCE)


def read(both: Mapping[str, Sequence[str]], folder: Path) -> None:
    """Have both read a capture."""
    for who, command in both.items():
        with started(who, command, folder) as process:
            process.wait(600)


def differences(falco: Found, ours: Found, ignored: Sequence[str]) -> tuple[dict[str, Counter[str]], Unlike]:
    """Return the alerts that only one has, by rule, and pairs of the values that differ, by field."""
    only: dict[str, Counter[str]] = {"Falco": Counter(), "falcohost": Counter()}
    unlike: Unlike = defaultdict(list)
    for key in sorted(falco.keys() | ours.keys(), key=str):
        theirs, own = falco.get(key, []), ours.get(key, [])
        only["Falco"][key[0]] += max(0, len(theirs) - len(own))
        only["falcohost"][key[0]] += max(0, len(own) - len(theirs))
        for one, other in zip(theirs, own, strict=False):
            for name in one.keys() | other.keys():
                if name not in ignored and one.get(name) != other.get(name):
                    unlike[name].append((key[0], one.get("evt.type"), one.get(name), other.get(name)))
    return only, unlike


def told(found: Mapping[str, Found], ignored: Sequence[str], examples: int) -> dict[str, Any]:
    """Print how the alerts of both differ; return the numbers."""
    only, unlike = differences(found["Falco"], found["falcohost"], ignored)
    numbers = {who: sum(map(len, one.values())) for who, one in found.items()}
    print(f"alerts: Falco {numbers['Falco']}, falcohost {numbers['falcohost']}")
    for who, rules in only.items():
        for rule, number in (+rules).items():
            print(f"  only {who}: {number} of {rule}")
    for name, pairs in sorted(unlike.items(), key=lambda one: -len(one[1])):
        kinds = Counter(str(kind) for _, kind, _, _ in pairs).most_common(5)
        print(f"  {name}: {len(pairs)} (" + ", ".join(f"{kind} {number}" for kind, number in kinds) + ")")
        seen: set[str] = set()
        for rule, kind, theirs, own in pairs:
            example = f"{kind}: {json.dumps(theirs)} / {json.dumps(own)}"
            if example not in seen and len(seen) < examples:
                seen.add(example)
                print(f"      {rule}, {example}")
    return {
        **numbers,
        **{f"only_{who}": rules.total() for who, rules in only.items()},
        "fields": {name: len(pairs) for name, pairs in unlike.items()},
    }


def main() -> None:
    """Compare, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--falco", required=True, help="the command of Falco")
    parser.add_argument("--plugin", type=Path, help="Falco's container plugin, which the public rules need")
    parser.add_argument("--rules", type=Path, action="append", default=[], help="rules; without it, each event")
    parser.add_argument("--ignore", action="append", default=[], help="a field that is not compared")
    parser.add_argument("--examples", type=int, default=2, help="examples shown of each field")
    parser.add_argument("--keep", type=Path, help="a folder for what both printed")
    parser.add_argument("what", nargs="+", help="captures, or a command after --")
    given = parser.parse_args()
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="falcohost-alike-") as name:
        folder = given.keep or Path(name)
        folder.mkdir(exist_ok=True)
        rules = given.rules
        if not rules:
            rules = [folder / "everything.yaml"]
            rules[0].write_text(EVERYTHING)
        program = shlex.split(given.falco)[0]
        (folder / "plain.yaml").write_text("syslog_output: {enabled: false}\n")
        here, there = (known(one, folder / "plain.yaml") for one in (OURS, program))
        names = [name for name, alone in there.items() if alone and here.get(name)]
        print(f"{len(names)} fields", file=sys.stderr)
        captures = [Path(one) for one in given.what if one.endswith((".scap", ".gz"))]
        for capture in captures or (None,):
            both = commands(
                given.falco, given.plugin, folder, settings(names, capture, [path.absolute() for path in rules])
            )
            if capture:
                read(both, folder)
            else:
                watch(both, given.what, folder)
            print(capture or shlex.join(given.what))
            found = {who: alerts(folder / who, READ if capture else WATCHED) for who in both}
            figures[str(capture or "command")] = told(found, given.ignore, given.examples)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
