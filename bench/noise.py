"""Measures false alarms: alerts of each rule in an hour of a host's ordinary work, for our rules and the public ones.

One round is the work of about an hour, the scripts in workload/ordinary, done as fast as the machine allows; so alerts
are counted per round, not per hour of the clock. One agent has both sets of rules, so that both see the same events.
Each script has a cgroup of its own, by which its alerts are told from those of what else runs on the machine. A script
whose programs are not installed is left out, and that is said. Alerts of what is done once a day count a 24th.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from falcohost.testing.agent import READY
from falcohost.testing.images import write_image

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = ROOT.parent / "shared/corpus/rules"
FALCOHOST = Path(sys.executable).parent / "falcohost"
CGROUPS = next(p for p in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")) if (p / "cgroup.procs").exists())
GROUP = "falcohost-noise"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: The kinds of work, each with its script; its folder is ``$HERE``, which is empty at first and removed at the end.
WORKS = {path.stem: path for path in sorted((ROOT / "bench/workload/ordinary").glob("*.sh"))}
_NEEDS = re.compile(r"^# needs: (.*)$", re.MULTILINE)
_DAILY = re.compile(r"^# daily$", re.MULTILINE)

#: Seconds after the work in which alerts are waited for.
SETTLING = 3
#: Seconds in which an agent gets ready, also beside much other work.
STARTING = 600
#: Seconds that a script has to clean up when the bench is ended.
ENDING = 20


class Agent:
    """A running agent with the rules *files*; its alerts are in a file."""

    def __init__(self, folder: Path, files: Sequence[str], profile: str) -> None:
        self._alerts, self._log = folder / "alerts.json", folder / "log"
        config = {
            "rules_files": files,
            "load_plugins": [],
            "json_output": True,
            "rule_matching": "all",
            "stdout_output": {"enabled": False},
            "file_output": {"enabled": True, "filename": str(self._alerts), "keep_alive": True},
            "log_syslog": False,
            "watch_config_files": False,
            "falcohost": {"profile": profile, "state_dir": str(folder / "state"), "fold": {"enabled": False}},
            "append_output": [{"match": {"source": "syscall"}, "extra_fields": ["thread.cgroups", "proc.aname[3]"]}],
        }
        (folder / "falcohost.yaml").write_text(json.dumps(config))
        with self._log.open("wb") as log:
            command = [str(FALCOHOST), "-c", str(folder / "falcohost.yaml")]
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)

    def wait(self) -> None:
        """Wait until it reads events."""
        end = time.monotonic() + STARTING
        while READY not in self._log.read_text(errors="replace"):
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                sys.exit(f"the agent did not get ready:\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> list[dict[str, Any]]:
        """End it; return its alerts."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
        lines = self._alerts.read_text(errors="replace").splitlines() if self._alerts.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]


def run(name: str, folder: Path, image: Path) -> tuple[float, str]:
    """Do the work *name* in a cgroup of its own; return the seconds that it took, and what it complained of."""
    here = folder / "work" / name
    here.mkdir(parents=True)
    group = CGROUPS / GROUP / name
    group.mkdir(parents=True, exist_ok=True)
    environment = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "HERE": str(here), "IMAGE": str(image)}
    environment |= {"FALCOHOST": str(FALCOHOST), "DEBIAN_FRONTEND": "noninteractive"}
    script = f"echo 0 > {group}/cgroup.procs\nexec /bin/bash {WORKS[name]}"
    begin = time.monotonic()
    process = subprocess.Popen(
        ["/bin/bash", "-c", script],
        cwd=here,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        _, complaints = process.communicate()
        return time.monotonic() - begin, complaints.strip()
    finally:
        end(process, group)
        shutil.rmtree(here, ignore_errors=True)


def end(process: subprocess.Popen[str], group: Path) -> None:
    """End a script, which then undoes what it has changed here, and what it has left running in its cgroup."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ENDING)
    last = time.monotonic() + ENDING
    while time.monotonic() < last and (pids := (group / "cgroup.procs").read_text().split()):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.05)
    remove(group)


def remove(group: Path) -> None:
    """Remove a cgroup unless there are others in it, as of containers."""
    with contextlib.suppress(OSError):
        group.rmdir()


def work_of(alert: Mapping[str, Any]) -> str | None:
    """Return the kind of work whose process raised *alert*; None: it is somebody else's."""
    groups = str(alert["output_fields"].get("thread.cgroups"))
    _, found, rest = groups.partition(f"/{GROUP}/")
    return rest.split("/")[0].split(" ")[0].split(",")[0] if found else None


def shipped() -> list[str]:
    """Return the rules files that come with the source of system calls."""
    return sorted(map(str, (ROOT / "plugins/syscall/falcohost_syscall/rules").glob("*.yaml")))


def public() -> list[str]:
    """Return the public rules; none if they are absent."""
    names = ("falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml")
    return [str(PUBLIC / name) for name in names if (PUBLIC / name).exists()]


def report(alerts: Sequence[Mapping[str, Any]], ours: set[str], rounds: int) -> dict[str, object]:
    """Print the alerts of each rule; return the figures."""
    rows: dict[tuple[bool, str], Counter[str]] = {}
    samples: dict[str, str] = {}
    for alert in alerts:
        if work := work_of(alert):
            rows.setdefault((alert["rule"] in ours, alert["rule"]), Counter())[work] += 1
            samples.setdefault(alert["rule"], str(alert["output"])[:300])
    figures: dict[str, object] = {}
    for own in (True, False):
        which = "ours" if own else "public"
        found = {rule: counts for (is_own, rule), counts in rows.items() if is_own is own}
        rates = {rule: an_hour(counts) / rounds for rule, counts in found.items()}
        print(f"{which}: {sum(rates.values()):.1f} alerts an hour, of {len(found)} rules")
        for rule, rate in sorted(rates.items(), key=lambda item: -item[1]):
            by = ", ".join(f"{work} {count}" for work, count in found[rule].most_common())
            print(f"  {rate:7.1f}  {rule}  ({by})")
            if own:
                print(f"           {samples[rule]}")
        figures[which] = {rule: round(rate, 2) for rule, rate in rates.items()}
        figures[f"{which}_an_hour"] = round(sum(rates.values()), 2)
    return figures


def of_others(alerts: Sequence[Mapping[str, Any]], ours: set[str]) -> None:
    """Print the alerts of our rules about what else ran on the machine, by program."""
    found = Counter(
        (alert["rule"], str(alert["output_fields"].get("proc.exepath")))
        for alert in alerts
        if alert["rule"] in ours and work_of(alert) is None
    )
    for (rule, program), count in found.most_common():
        print(f"  {count:7}  {rule}  ({program})")


def an_hour(counts: Mapping[str, int]) -> float:
    """Return how many of the alerts *counts*, by work, there are in an hour."""
    return sum(count / (24 if _DAILY.search(WORKS[work].read_text()) else 1) for work, count in counts.items())


def missing_programs(script: Path) -> list[str]:
    """Return the programs that *script* needs and this machine does not have."""
    needed = _NEEDS.search(script.read_text())
    return [one for one in (needed[1].split() if needed else ()) if not shutil.which(one, path=PATH)]


def names_in(files: Sequence[str]) -> set[str]:
    """Return the names of the rules in *files*."""
    from falcohost.cli.rules_files import read_definitions

    return {rule.name for rule in read_definitions(files)}


def main() -> None:
    """Do the work, and print the alerts and, last, the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="hours' worth of work")
    parser.add_argument("--profile", default="default", help="which of our rules")
    parser.add_argument("--others", action="store_true", help="list our alerts about what else ran on the machine")
    parser.add_argument("--work", choices=WORKS, action="append", help="only this kind of work")
    args = parser.parse_args()
    if os.geteuid():
        sys.exit("the agent, and the work, need root")
    missing = {name: missing_programs(WORKS[name]) for name in args.work or WORKS}
    for name, programs in missing.items():
        if programs:
            print(f"left out: {name}, which needs {', '.join(programs)}", file=sys.stderr)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="noise.", dir="/var/tmp") as temporary, contextlib.ExitStack() as ends:
        folder = Path(temporary)
        folder.chmod(0o755)
        write_image(folder / "image.tar")
        compileall.compile_dir(ROOT / "core", quiet=2)  # so that starts of falcohost do not write to the agent's files
        compileall.compile_dir(ROOT / "plugins", quiet=2)
        agent = Agent(folder, [*shipped(), *public()], args.profile)
        ends.callback(remove, CGROUPS / GROUP)
        ends.callback(agent.stop)
        agent.wait()
        begin = time.monotonic()
        for number in range(args.rounds):
            for name in (name for name, programs in missing.items() if not programs):
                took, complaints = run(name, folder, folder / "image.tar")
                print(f"round {number + 1}: {name}: {took:.0f} s", file=sys.stderr)
                if complaints:
                    print("    " + complaints[-400:].replace("\n", "\n    "), file=sys.stderr)
        time.sleep(SETTLING)
        alerts = agent.stop()
        took = time.monotonic() - begin
    others = sum(work_of(alert) is None for alert in alerts)
    figures = report(alerts, names_in(shipped()), args.rounds)
    print(f"{args.rounds} rounds in {took:.0f} s; {others} alerts of what else ran on this machine are not counted")
    if args.others:
        of_others(alerts, names_in(shipped()))
    print(json.dumps({**figures, "rounds": args.rounds, "seconds": round(took)}))


if __name__ == "__main__":
    main()
