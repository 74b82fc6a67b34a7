"""Measures how long a start takes until the rules are loaded: whole processes, from nothing and with a cache.

``falcohost --dry-run`` is run over the public stable rules, the shipped ones, and 1,000 and 10,000 rules that are
varied from the public ones: other values and names in each, so that hardly a condition is like another. *From nothing*
means with an empty rules cache, which is then written. Python's own bytecode is there in both cases, as after an
installation. The split says where the time of a cached start goes; it is measured in processes of their own.

Then the probe is loaded as a start loads it that knows what the rules ask for, several times: for the public and the
shipped rules, for three on opens, execs and connects, for one on execs, and whole. For each of its programs the table
says how many instructions the verifier processed (the same number in each run on the same kernel), and for which rules
it is loaded; then what each part is for that is left out. All of these are fitted to the kernel by libbpf. Last,
those for the public rules are loaded as they were kept, as by any start that is not the first one. ``--only probe`` and
``--only rules`` measure one of both.
"""

from __future__ import annotations

import argparse
import importlib
import json
import operator
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = ROOT.parent / "shared/corpus/rules/falco_rules.yaml"
SHIPPED = "shipped"
KEPT = "public, kept"
THREE = """
- rule: Opened
  desc: A file is opened.
  condition: evt.type in (open, openat, openat2) and fd.name startswith /etc/shadow
  output: opened %fd.name
  priority: NOTICE

- rule: Connected
  desc: A connection is made.
  condition: evt.type = connect and fd.sport = 4444
  output: connected %fd.name
  priority: NOTICE
"""
EXEC = """
- rule: Executed
  desc: A program is executed.
  condition: evt.type in (execve, execveat) and evt.arg.res = 0 and proc.name = nothing
  output: executed %proc.cmdline
  priority: NOTICE
"""
THREE += EXEC
STAGES = ("python", "imports", "plugins", "rules", "matcher")

_PATH = re.compile(r"(?<=[\s(=,\"'])/[\w./-]+")
_LIST = re.compile(r"\(([^()]*,[^()]*)\)")
_NAME = re.compile(r"[a-z-]+")


def varied_rules(count: int) -> str:
    """Return *count* rules made from the public ones, with their lists and macros."""
    items = yaml.safe_load(PUBLIC.read_text())
    rules = [item for item in items if "rule" in item]
    made = [item for item in items if "rule" not in item]
    for number in range(count):
        rule, round_ = rules[number % len(rules)], number // len(rules)
        condition = _varied(rule["condition"], round_) if round_ else rule["condition"]
        made.append({**rule, "rule": f"{rule['rule']} {round_}", "condition": condition})
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(made, Dumper=dumper, sort_keys=False, width=120))


def _varied(condition: str, round_: int) -> str:
    """Return *condition* with other paths and names, and a check that no other rule has."""
    condition = _PATH.sub(lambda path: f"{path[0]}-{round_}", condition)
    condition = _LIST.sub(
        lambda found: "(" + ", ".join(_other(item, round_) for item in found[1].split(",")) + ")", condition
    )
    return f"({condition}) and not proc.name in (site{round_}, tool{round_})"


def _other(item: str, round_: int) -> str:
    name = item.strip()
    return f"{name}_{round_}" if _NAME.fullmatch(name) else name


def seconds(command: list[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Return how long *command* takes, and for how long it has a processor."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    took, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(file: Path | None, environment: Mapping[str, str], cache: Path, rounds: int) -> dict[str, Any]:
    """Return the medians for one rules file; None: for the shipped rules."""
    chosen = [] if file is None else ["-r", str(file)]
    command = [sys.executable, "-m", "falcohost", "--dry-run", *chosen, "-o", "log_stderr=false"]
    seconds(command, environment)
    fresh = []
    for _ in range(max(rounds // 2, 3)):
        shutil.rmtree(cache)
        fresh.append(seconds(command, environment))
    cached = [seconds(command, environment) for _ in range(rounds)]
    split: dict[str, list[float]] = {stage: [] for stage in STAGES}
    for _ in range(rounds):
        split["python"].append(seconds([sys.executable, "-c", "pass"], environment)[0])
        inside = subprocess.run(
            [sys.executable, __file__, "--stages", str(file or SHIPPED)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        for stage, took in json.loads(inside.stdout).items():
            split[stage].append(took)
    return {
        "nothing_s": median(took for took, _ in fresh),
        "cached_s": median(took for took, _ in cached),
        "cached_cpu_s": median(cpu for _, cpu in cached),
        "cached_split_ms": {stage: round(statistics.median(took) * 1000) for stage, took in split.items()},
        "cache_bytes": max(entry.stat().st_size for entry in (cache / "rules").iterdir()),
    }


def median(figures: Iterable[float]) -> float:
    """Return the median in seconds, to the millisecond."""
    return round(statistics.median(figures), 3)


def stages(file: str) -> dict[str, float]:
    """Do what a start does, here; return how long each part of it took."""
    marks = [time.perf_counter()]
    for module in ("cli.app", "cli.start", "host.agent"):
        importlib.import_module(f"falcohost.{module}")
    from falcohost.engine.matcher import Matcher
    from falcohost.host import loading
    from falcohost.host.config import load_config

    marks.append(time.perf_counter())
    config = load_config(None, ("log_stderr=false",))
    plugins = loading.configured_plugins(config)
    marks.append(time.perf_counter())
    loaded = loading.load_to_run(
        config, plugins, loading.files_to_load(config.rules, plugins, () if file == SHIPPED else (file,))
    )
    marks.append(time.perf_counter())
    Matcher(loaded.ruleset.enabled("syscall"))
    marks.append(time.perf_counter())
    return {stage: marks[number + 1] - marks[number] for number, stage in enumerate(STAGES[1:])}


def takes(file: Path | None) -> frozenset[str]:
    """Return the parts of the probe that the rules in *file* take; None: the shipped rules."""
    from falcohost.engine.plan import make_plan
    from falcohost.host import loading
    from falcohost.host.config import load_config
    from falcohost_syscall.drivers.modern_ebpf import asked
    from falcohost_syscall.drivers.modern_ebpf import config as driver

    config = load_config(None, ("log_stderr=false",))
    plugins = loading.configured_plugins(config)
    chosen = loading.files_to_load(config.rules, plugins, () if file is None else (str(file),))
    rules = loading.load_to_run(config, plugins, chosen).ruleset.enabled("syscall")
    return asked.takes(asked.ask(driver.parse({}), make_plan("syscall", rules)))


def verified(rounds: int) -> dict[str, Any]:
    """Load the probe *rounds* times for each set of rules; return what that takes, and of which programs."""
    from falcohost_syscall.drivers.modern_ebpf import parts

    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        wanted = {"public": takes(PUBLIC), SHIPPED: takes(None)}
        for name, text in (("three", THREE), ("exec", EXEC)):
            file = Path(folder, f"{name}.yaml")
            file.write_text(text)
            wanted[name] = takes(file)
    wanted |= {"whole": parts.ALL, KEPT: wanted["public"]}
    cache = Cache()
    loaded(wanted[KEPT], cache)
    for _ in range(rounds):
        for name, taken in wanted.items():
            found = loaded(taken, cache if name == KEPT else Cache())
            for key, value in found.pop("took").items():
                figures.setdefault(name, found).setdefault(key, []).append(value)
    for name, found in figures.items():
        found |= {key: round(statistics.median(found[key]), 3) for key in ("seconds", "cpu_seconds")}
        left_out = sorted(parts.ALL - wanted[name])
        found |= {"instructions": sum(found["programs"].values()), "left_out": left_out}
    return figures


class Cache(dict[bytes, bytes]):
    """A cache in memory of what a loader has prepared."""

    def read(self, key: bytes) -> bytes | None:
        """Return what was written under *key*; None: nothing."""
        return self.get(key)

    def write(self, key: bytes, data: bytes) -> None:
        """Keep *data* under *key*."""
        self[key] = data


def loaded(taken: Set[str], cache: Cache) -> dict[str, Any]:
    """Load these parts of the probe; return what that took, and what the verifier processed of each program.

    :param cache: has programs that were loaded before, and gets the others.
    """
    from falcohost_syscall.drivers.modern_ebpf import config
    from falcohost_syscall.drivers.modern_ebpf.loader import how
    from falcohost_syscall.drivers.modern_ebpf.loading import image, prepare
    from falcohost_syscall.kernel.kept_programs import KeptPrograms
    from falcohost_syscall.kernel.libbpf import Library
    from falcohost_syscall.kernel.programs import Kernel

    library, wanted = Library(), how(config.parse({}))
    cpu, before = time.process_time(), time.perf_counter()
    kept = KeptPrograms(library, image(), cache)
    prepared = prepare(
        library,
        Kernel(library),
        wanted.settings,
        wanted.options,
        by_function=wanted.by_function,
        takes=lambda wait: taken,
        kept=kept,
    )
    took = {"seconds": time.perf_counter() - before, "cpu_seconds": time.process_time() - cpu}
    programs = {name: instructions(prepared.probe.program_fd(name)) for name in prepared.probe.loaded()}
    kept.keep(prepared.probe)
    prepared.probe.close()
    return {"took": took, "programs": programs}


def print_probe(figures: Mapping[str, Any]) -> None:
    """Print what of the probe is loaded for which rules, and what is left out."""
    from falcohost_syscall.drivers.modern_ebpf import parts

    print(f"{'program':>24} {'instructions':>13}   loaded for")
    whole = figures["whole"]["programs"]
    for name, count in sorted(whole.items(), key=operator.itemgetter(1), reverse=True):
        rules = [of for of, found in figures.items() if of not in ("whole", KEPT) and name in found["programs"]]
        print(f"{name:>24} {count:>13,}   {', '.join(rules) or 'none of them'}")
    for of, found in figures.items():
        took = f"{found['seconds']:.3f} s, {found['cpu_seconds']:.3f} s of CPU time"
        print(f"{of:>24} {found['instructions']:>13,}   {len(found['programs'])} programs, {took}")
        for part in () if of == KEPT else found["left_out"]:
            if not whole.keys().isdisjoint(parts.PARTS[part].programs):
                print(f"{'':>24} {'':>13}   without {part}: no rule wants {parts.PARTS[part].why}")


def instructions(descriptor: int) -> int:
    """Return how many instructions the verifier processed of a loaded program."""
    told = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
    return int(told.partition("verified_insns:")[2].split()[0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", choices=("rules", "probe"), help="measure only the start, or only the probe")
    parser.add_argument("--stages", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stages:
        print(json.dumps(stages(options.stages)))
        return
    figures: dict[str, Any] = {}
    if options.only != "probe":
        figures |= rules(options.rounds)
    if options.only != "rules":
        figures["probe"] = verified(min(options.rounds, 5))
        print_probe(figures["probe"])
    print(json.dumps(figures))


def rules(rounds: int) -> dict[str, Any]:
    """Measure the starts and print them; return the figures by what rules there were."""
    figures: dict[str, Any] = {}
    print(f"{'rules':>7} {'from nothing':>13} {'cached':>8} {'CPU':>8}   cached split, ms: {', '.join(STAGES)}")
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "cache")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"PYTHONPYCACHEPREFIX": f"{folder}/bytecode", "FALCOHOST_CACHE_DIR": str(cache)}
        for name, text in (
            ("public", PUBLIC.read_text()),
            (SHIPPED, None),
            ("1000", varied_rules(1000)),
            ("10000", varied_rules(10000)),
        ):
            file = None if text is None else Path(folder, f"{name}.yaml")
            if file is not None and text is not None:
                file.write_text(text)
            found = measured(file, environment, cache, rounds if name != "10000" else min(rounds, 5))
            figures[name] = found
            split = "  ".join(f"{found['cached_split_ms'][stage]:>5}" for stage in STAGES)
            took = f"{found['nothing_s']:>11.2f} s {found['cached_s']:>6.2f} s {found['cached_cpu_s']:>6.2f} s"
            print(f"{name:>7} {took}   {split}", flush=True)
    return figures


if __name__ == "__main__":
    main()
