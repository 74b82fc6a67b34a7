"""Measures the time from an agent's start to its first alert, and its memory then, beside Falco.

    script/bench first_alert [--falco PROGRAM] [--rules FILE] [--rounds 10]

A file that is not there is opened every 10 ms. The agents take turns, and each round begins with the other one.
*seconds* are those until the first alert about the file is on stdout, *cpu_seconds* those of the processor of all
processes until then, *pss_mb* is their memory three seconds later. The figures are medians; a ratio is ours over
Falco's of the same round, with the least and the most. Without --rules the public stable ones are used.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from overhead import PUBLIC, cpu_seconds, pss_mb

MARK = "/srv/falcohost-first-alert"
RULE = f"""
- rule: Marked
  desc: A file is opened that is not there.
  condition: evt.type in (open, openat, openat2) and fd.name = {MARK}
  output: marked %fd.name
  priority: NOTICE
"""
OURS = str(Path(sys.executable).parent / "falcohost")


def measure(command: list[str], folder: Path) -> dict[str, float]:
    """Start an agent that keeps its files in *folder*; return its figures."""
    out, log = folder / "out", folder / "log"
    begun = time.monotonic()
    with out.open("wb") as to, log.open("wb") as errors:
        environment = os.environ | {"FALCOHOST_STATE_DIR": str(folder / "state")}
        process = subprocess.Popen(command, stdout=to, stderr=errors, env=environment)
    try:
        while MARK.encode() not in out.read_bytes():
            with contextlib.suppress(FileNotFoundError):
                os.open(MARK, os.O_RDONLY)
            if process.poll() is not None or time.monotonic() > begun + 60:
                sys.exit(f"no alert: {log.read_text(errors='replace')}")
            time.sleep(0.01)
        seconds, cpu = time.monotonic() - begun, cpu_seconds(process.pid)
        time.sleep(3)
        return {"seconds": seconds, "cpu_seconds": cpu, "pss_mb": pss_mb(process.pid)}
    finally:
        process.terminate()
        process.wait(60)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--falco", help="the command of Falco")
    parser.add_argument("--rules", type=Path, default=PUBLIC)
    parser.add_argument("--rounds", type=int, default=10)
    given = parser.parse_args()
    programs = {"falcohost": OURS} | ({"Falco": given.falco} if given.falco else {})
    rounds: dict[str, list[dict[str, float]]] = {who: [] for who in programs}
    with tempfile.TemporaryDirectory(prefix="falcohost-first-alert-") as name:
        folder = Path(name)
        mark, config = folder / "mark.yaml", folder / "falco.yaml"
        mark.write_text(RULE)
        settings = {
            "engine": {"kind": "modern_ebpf"},
            "rules_files": [str(given.rules.absolute()), str(mark)],
            "json_output": True,
            "stdout_output": {"enabled": True},
            "syslog_output": {"enabled": False},
            "webserver": {"enabled": False},
        }
        config.write_text(json.dumps(settings))
        for number in range(given.rounds):
            for who in [*programs][:: 1 if number % 2 else -1]:
                place = folder / f"{who}{number}"
                place.mkdir()
                command = [*shlex.split(programs[who]), "-U", "-c", str(config)]
                rounds[who].append(measure(command, place))
    figures: dict[str, dict[str, float | list[float]]] = {}
    for key in rounds["falcohost"][0]:
        row: dict[str, float | list[float]] = {
            who: round(statistics.median(one[key] for one in of_each), 2) for who, of_each in rounds.items()
        }
        if given.falco:
            pairs = zip(rounds["falcohost"], rounds["Falco"], strict=True)
            ratios = sorted(own[key] / theirs[key] for own, theirs in pairs)
            row["ratio"] = [round(one, 2) for one in (statistics.median(ratios), ratios[0], ratios[-1])]
        figures[key] = row
        print(f"{key:12} " + "  ".join(f"{who} {value}" for who, value in row.items()))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
