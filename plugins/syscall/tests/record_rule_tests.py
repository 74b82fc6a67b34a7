"""Records the tests of the host rules: runs the lines of test_own_rules.py under the probe, and keeps what decides.

Not a test of its own: ``pytest -n0 plugins/syscall/tests/record_rule_tests.py`` writes the files in rule_tests anew. Of
what a line causes it keeps the events that decide a check as none before them did, and one at least. Processes above
the line's are written as a login shell; folders and environments of the machine are left out.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import remove_cgroup
from further_lines import BASES, FURTHER, OTHER_SERVICES, SERVERS
from last_lines import LAST, OTHER_CALLS
from nearby_lines import NEARBY, TOLD
from other_hands import by_other_hands
from other_ways import MORE, QUIET
from rest_lines import BESIDE, REST
from test_own_rules import LINES, OWN

import falcohost_containers.plugin as containers
import falcohost_syscall.plugin as plugin
from falcohost.agent import AgentProcess
from falcohost.cli.rules_test_record import _scalar, _Shared
from falcohost.engine.code.module import compile_values
from falcohost.events import Event
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.lang.printer import to_text
from falcohost.ruletests.coverage import DECIDED
from falcohost.ruletests.live import _plan, _seen
from falcohost.ruletests.probes import Probes
from falcohost.ruletests.reader import read_cases
from falcohost.ruletests.runner import Runner
from falcohost.testing.rule_tests import _loaded

FOLDER = Path(__file__).resolve().parent / "rule_tests"
#: The files to which an agent is said to write alerts.
OUTPUTS = FOLDER.parent / "agent_outputs.yaml"
HEAD = """# Written by plugins/syscall/tests/record_rule_tests.py: each test has events that the probe has seen when the
# tester (plugins/syscall/tester) or a program of the system ran the line that is named. What decides nothing new is
# left out.
rules: [../agent_outputs.yaml, ../../falcohost_syscall/rules]
source: syscall
tests:
"""
#: What is recorded goes into further files, beside those that are there.
_KEPT = ("nearby", "rest")
#: Of a file.
MOST_LINES = 380
SHELL: Mapping[str, Any] = {
    "name": "bash",
    "pid": 1000,
    "ppid": 1,
    "exepath": "/usr/bin/bash",
    "args": ["-bash"],
    "parent": {"name": "systemd", "pid": 1, "exepath": "/usr/lib/systemd/systemd", "args": ["/sbin/init"]},
}
#: Their lines cannot be run by others: they are what they are called, or would harm this machine.
NOT_BY_OTHERS = frozenset({"Attack tool started", "Kernel replaced while running"})
#: Where this machine has what others have elsewhere.
_PYTHON = str(Path(sys.executable).resolve())
PLACES = {
    **({sys.executable: "/usr/bin/python3", _PYTHON: "/usr/bin/python3.13"} if _PYTHON.startswith("/usr/") else {}),
    sys.prefix: "/srv/venv",
    str(Path(__file__).resolve().parents[3]): "/srv/falcohost",
}
_OF_RULES = re.compile(
    r"(LD_|GLIBC_|GCONV_|BASH_ENV|PERL5|RUBY|NODE_OPTIONS|NODE_PATH|LUA_|GIT_EXEC|LOCPATH|JAVA_TOOL"
    r"|PYTHON(PATH|STARTUP|HOME|USERBASE)|OPENSSL_|LESSOPEN|ENV=)"
)
_BYTES = frozenset({"args", "env", "cgroups"})
#: Files that Python reads when it starts, which no line is about.
_OF_PYTHON = re.compile(
    rf'"({sys.prefix}|/usr/(local/)?lib/python3|[^"]*/lib(c|m|z|dl|ffi|expat|crypto|ssl)\.so|/etc/ld\.so\.cache)'
)


class Decided:
    """Tells which checks an event decides that no event before it has."""

    def __init__(self, probes: Probes) -> None:
        self._probes, self._known = probes, set[tuple[str, int, bool]]()

    def new(self, views: Sequence[Event]) -> list[str]:
        """Return what an event decides anew."""
        found = set()
        for name, condition in self._probes.conditions.items():
            for view in views:
                if (answers := condition.answers(view)) is not None:
                    checks = (node.number for node in answers.decisive() if node.kind == "check")
                    found |= {(name, number, answers.values[number]) for number in checks}
        found -= self._known
        self._known |= found
        return sorted({name for name, _, _ in found})


@pytest.fixture
def services(container_cgroup, service_cgroup):
    """Make the cgroups of other services, beside that of the web server and in the container's."""
    names = [*(f"{name}.service" for name in SERVERS), *OTHER_SERVICES]
    folders = [*(service_cgroup.parent / name for name in names), container_cgroup / "nginx.service"]
    for folder in folders:
        folder.mkdir()
    yield
    for folder in folders:
        remove_cgroup(folder)


def test_record_other_hands(bpf, provocations, services, open_folder, capsys):
    """Record the lines by other hands, and write what decides more than the tests do that are there."""
    for path in FOLDER.glob("*_hands_*_test.yaml"):
        path.unlink()
    record_hands("other", provocations, open_folder)


def test_record_more_hands(bpf, provocations, services, open_folder, capsys):
    """Record those lines again that may decide what the tests do not that are there, other hands' too."""
    for path in FOLDER.glob("more_hands_*_test.yaml"):
        path.unlink()
    record_hands("more", provocations, open_folder)


def record_hands(which: str, provocations: Any, open_folder: Path) -> None:
    """Record the lines by other hands into files that are called *which* hands."""
    loaded = _loaded(plugin, (OUTPUTS,), (containers,))
    runner = Runner(loaded)
    probes = Probes(loaded, [rule.name for rule in runner.rules.values()], runner.looked_up)
    for path in sorted(FOLDER.glob("*_test.yaml")):
        for case in read_cases(str(path)).cases:
            runner.run(case, [probes])
    found = [*by_others(probes)]
    lines = {f"{rule}, {way}": line for rule, way, line in found}
    assert [] == [name for name, count in Counter((rule, way) for rule, way, _ in found).items() if count > 1]
    rules = [rule for rule, _, _ in found]
    folder = f"{open_folder.name}/{provocations._roots['tmp'].name}"
    decided = OfLine(runner, probes, rules, folder)
    of: dict[str, list[tuple[dict[str, Any], Sequence[str]]]] = {}
    for written, _, close in _recorded(runner, provocations, lines, decided):
        if close:
            of.setdefault([*lines][int(close[0])], []).append((_cleaned(written, folder), close))
    rule_of = dict(zip(lines, rules, strict=True))
    texts = [[*_test(runner, name, rule_of[name], lines[name], events, folder)] for name, events in of.items()]
    _write({f"falcohost_{which}_hands_rules": texts})


def test_record_nearby(bpf, provocations, services, open_folder, capsys):
    """Record the lines that come as near as one check, and write what decides more than the tests do that are there.

    Those that are there already stay as they are; remove a file to have its lines recorded anew.
    """
    near = [*NEARBY.items(), *LAST.items()]
    lines = {f"{rule}, {way}": line for rule, ways in near for way, line in ways.items()}
    lines |= {f"{rule}, {way}": line for rule, ways in TOLD.items() for way, (line, _) in ways.items()}
    told = {f"{rule}, {way}": values for rule, ways in TOLD.items() for way, (_, values) in ways.items()}
    record_near(lines, told, "nearby", provocations, open_folder)


def test_record_rest(bpf, provocations, services, open_folder, capsys):
    """Record the lines that decide what all others leave open, as those that come near.

    Run it with a Python that is not among packages, and which only root can change, for what falcohost does itself.
    """
    lines, told = dict[str, str](), dict[str, Mapping[str, Any]]()
    for rule, ways in REST.items():
        for way, one in ways.items():
            name = f"{rule}, {way}"
            lines[name], told[name] = (one, {}) if isinstance(one, str) else one
    record_near(lines, told, "rest", provocations, open_folder, types=BESIDE)


def record_near(
    lines: Mapping[str, str],
    told: Mapping[str, Mapping[str, Any]],
    stem: str,
    provocations: Any,
    open_folder: Path,
    types: frozenset[str] | None = None,
) -> None:
    """Record *lines* into files that are called *stem*; with *types*, of these too, and all that any event has."""
    agent = subprocess.Popen(["sleep", "3600"])
    provocations._cgroups = {**provocations._cgroups, "agent": agent.pid}
    loaded = _loaded(plugin, (OUTPUTS,), (containers,))
    runner = Runner(loaded)
    probes = Probes(loaded, [rule.name for rule in runner.rules.values()], runner.looked_up)
    for path in sorted(FOLDER.glob("*_test.yaml")):
        for case in read_cases(str(path)).cases:
            runner.run(case, [probes])
    there = {case.name for path in FOLDER.glob(f"{stem}_*_test.yaml") for case in read_cases(str(path)).cases}
    lines = {name: line for name, line in lines.items() if name not in there and _undecided_of(probes, name)}
    rule_of = {name: name.partition(", ")[0] for name in lines}
    folder = f"{open_folder.name}/{provocations._roots['tmp'].name}"
    around = OfTypes(runner, list(rule_of.values()), folder, types or frozenset())
    of: dict[str, list[dict[str, Any]]] = {}
    for written, _, close in _recorded(runner, provocations, lines, around, agent.pid, every_field=types is not None):
        if close and not _OF_PYTHON.search(json.dumps(written.get("fd", {}))):
            of.setdefault([*lines][int(close[0])], []).append(_cleaned(written, folder))
    agent.kill()
    agent.wait()
    texts = []
    for name, events in of.items():
        kept = [(one, ["new"]) for one in events if _decides(runner, probes, rule_of[name], one, told.get(name, {}))]
        if kept:
            texts.append([*_test(runner, name, rule_of[name], lines[name], kept, folder, told.get(name, {}))])
    _write({f"falcohost_{stem}_rules": texts})
    print(
        "nothing new:",
        *sorted(set(lines) - {text[1].removeprefix("- name: ").strip('"') for text in texts}),
        sep="\n  ",
    )


def _undecided_of(probes: Probes, name: str) -> bool:
    """Return whether there is a check of the line's rule that no event has decided both ways."""
    return bool(undecided(probes, name.partition(", ")[0]))


class LineOf:
    """Tells which line an event is of, by its folder in the event's texts."""

    def __init__(self, runner: Runner, folder: str) -> None:
        fields = ("proc.exepath", "proc.cmdline", "proc.pcmdline", "fd.name")
        self._texts = compile_values([runner.ref(DEFAULT_SOURCE, name) for name in fields])
        self._line = re.compile(rf"{folder}/n(\d+)/")

    def __call__(self, views: Sequence[Event]) -> str:
        """Return the number of the line; empty: it is of none."""
        found = self._line.search(" ".join(str(text(views[0])) for text in self._texts))
        return found[1] if found else ""


class OfTypes:
    """Tells which events of a line are of a type that the line's own rule asks for."""

    def __init__(self, runner: Runner, rules: Sequence[str], folder: str, more: frozenset[str] = frozenset()) -> None:
        found = [(runner.rules[rule].event_types, OTHER_CALLS.get(rule, frozenset()) | more) for rule in rules]
        self._types = [None if types is None else types | others for types, others in found]
        self._line_of = LineOf(runner, folder)

    def new(self, views: Sequence[Event]) -> list[str]:
        """Return the number of the line, if the event is of such a type or its neighbour."""
        line = self._line_of(views)
        if not line:
            return []
        types = self._types[int(line)]
        return [line] if types is None or views[0].type in types | {"unshare", "dup2"} else []


def _decides(runner: Runner, probes: Probes, rule: str, written: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Return whether the event, as a test has it, decides a check of *rule* as none before it did, and count it."""
    path = FOLDER / ".tried_test.yaml"
    case = {"name": "tried", "events": [written], "expect": "none", **({"looked_up": told} if told else {})}
    path.write_text(HEAD.replace("tests:\n", "") + "tests: " + json.dumps([case]) + "\n")
    try:
        before = sum((flags & DECIDED).bit_count() for flags in probes.coverage.seen.get(rule, ()))
        for case in read_cases(str(path)).cases:
            runner.run(case, [_OnlyOf(probes, rule)])
        return sum((flags & DECIDED).bit_count() for flags in probes.coverage.seen.get(rule, ())) > before
    finally:
        path.unlink()


class _OnlyOf:
    """Watches one rule for a test."""

    def __init__(self, probes: Probes, rule: str) -> None:
        self._probes, self._rule = probes, rule

    def take(self, case: Any, source: str, event: int, views: Sequence[Event]) -> None:
        for view in views:
            if (answers := self._probes.conditions[self._rule].answers(view)) is not None:
                self._probes.coverage.take(self._rule, answers)

    def end(self, case: Any, verdict: Any) -> None:
        pass


def by_others(probes: Probes) -> Iterator[tuple[str, str, str]]:
    """Yield rules, the ways in which lines do what they are about, and the lines."""
    for rule, (line, _) in LINES.items():
        if rule in probes.conditions and rule not in NOT_BY_OTHERS:
            base, checks = BASES.get(rule, line), undecided(probes, rule)
            yield from ((rule, way, other) for way, other in by_other_hands(base, checks))
            if base != line:
                yield rule, "in another place", base
    for rule, ways in FURTHER.items():
        yield from ((rule, way, line) for way, line in ways.items())


def undecided(probes: Probes, rule: str) -> str:
    """Return the checks of *rule* that no event has decided both ways, as text."""
    condition = probes.conditions[rule]
    seen = probes.coverage.seen.get(rule) or [0] * len(condition.nodes)
    return "\n".join(to_text(node.part.node) for node in condition.checks if seen[node.number] & DECIDED != DECIDED)


class OfLine:
    """Tells which checks of a line's own rule an event of the line decides that nothing has decided before."""

    def __init__(self, runner: Runner, probes: Probes, rules: Sequence[str], folder: str) -> None:
        self._conditions, self._coverage, self._rules = probes.conditions, probes.coverage, rules
        self._line_of = LineOf(runner, folder)

    def new(self, views: Sequence[Event]) -> list[str]:
        """Return the number of the line if the event decides anything anew."""
        line = self._line_of(views)
        if not line:
            return []
        rule = self._rules[int(line)]
        condition, before = self._conditions[rule], sum(self._flags(rule))
        for view in views:
            if (answers := condition.answers(view)) is not None:
                self._coverage.take(rule, answers)
        return [line] if sum(self._flags(rule)) > before else []

    def _flags(self, rule: str) -> list[int]:
        seen = self._coverage.seen.get(rule) or [0]
        return [(flags & DECIDED).bit_count() for flags in seen]


def test_record(bpf, provocations, open_folder, capsys):
    """Record, and write."""
    loaded = _loaded(plugin, (OUTPUTS,), (containers,))
    runner = Runner(loaded)
    probes = Probes(loaded, [rule.name for rule in runner.rules.values()], runner.looked_up)
    decided = Decided(probes)
    lines = {name: line for name, (line, _) in LINES.items()}
    lines |= {f"{name}, close": line for name, (_, line) in LINES.items()}
    lines |= {f"{MORE[way][0]}: {way}": line for way, (_, line) in MORE.items()} | {
        f"nothing: {key}": line for key, line in QUIET.items()
    }
    lines = {name: line for name, line in lines.items() if name.removesuffix(", close") != "Attack tool started"}
    folder = f"{open_folder.name}/{provocations._roots['tmp'].name}"
    seen = _recorded(runner, provocations, lines, decided)
    of: dict[str, list[tuple[dict[str, Any], Sequence[str]]]] = {name: [] for name in lines}
    names = list(lines)
    for written, fired, close in seen:
        found = re.search(rf"{folder}/n(\d+)/", json.dumps(written))
        if found and not any("pytest" in str(one) for one in written.get("process", {}).get("args", ())):
            of[names[int(found[1])]].append((_cleaned(written, folder), fired if fired else close))
    where = {item["rule"]: path.stem for path in OWN for item in yaml.safe_load(path.read_text()) if "rule" in item}
    files: dict[str, list[list[str]]] = {}
    for name, line in lines.items():
        rule = name.partition(": ")[0].removesuffix(", close")
        if text := list(_test(runner, name, rule, line, of[name], folder)):
            files.setdefault(where.get(rule, "falcohost_files_rules"), []).append(text)
        else:
            print(f"nothing recorded: {name}")
    _write(files)


def _recorded(
    runner: Runner,
    provocations: Any,
    lines: Mapping[str, str],
    decided: Decided | OfLine | OfTypes,
    agent: int = 0,
    *,
    every_field: bool = False,
) -> Iterator[tuple[Any, ...]]:
    source = runner.spec(DEFAULT_SOURCE).make({"engine": {"modern_ebpf": {"buf_size_preset": 7}}})
    plan = _plan(runner, every=True)
    source.open(replace(plan, by_type=None) if every_field else plan, None)
    if agent:
        since = int(Path(f"/proc/{agent}/stat").read_text().rpartition(")")[2].split()[19])
        source.agent([AgentProcess(agent, since, "worker", "syscall")])
    last: list[str] = []

    def closeness(views: Sequence[Event]) -> list[str]:
        last[:] = decided.new(views)
        return last or ([] if agent else ["nothing new"])

    try:
        for one in _seen(runner, source, _Running(provocations, lines), closeness):
            yield one.written, list(one.fired), list(last)
        print(source.stats().dropped)
    finally:
        source.close()


class _Running:
    """A process that runs the lines one after the other."""

    def __init__(self, provocations: Any, lines: Mapping[str, str]) -> None:
        self._pid = os.fork()
        if not self._pid:
            provocations.attempt(lines)
            os._exit(0)

    def poll(self) -> int | None:
        """Return the exit status if it has ended."""
        return None if self._pid and os.waitpid(self._pid, os.WNOHANG)[0] == 0 else self._ended()

    def _ended(self) -> int:
        self._pid = 0
        return 0


def _cleaned(written: Mapping[str, Any], folder: str) -> dict[str, Any]:
    text = json.dumps(written).replace(folder, "falcohost/lines")
    for place, name in PLACES.items():
        text = text.replace(place, name)
    found: dict[str, Any] = json.loads(text)
    found["cgroups"] = [
        re.sub(r"falcohost-[0-9a-f]+", "falcohost", one)
        for one in found.get("cgroups", ())
        if "docker" in one or "falcohost-" in one
    ]
    params = found.get("params", {})
    for key in _BYTES & set(params):
        del params[key]
    process = found.get("process")
    while process:
        if "env" in process:
            process["env"] = [one for one in process["env"] if _OF_RULES.match(one)]
        parent = process.get("parent")
        if parent and any("pytest" in str(one) for one in parent.get("args", ())):
            process["parent"] = SHELL
            break
        process = parent
    return {key: value for key, value in found.items() if value != [] and key != "others"}


def _test(
    runner: Runner,
    name: str,
    rule: str,
    line: str,
    events: list[Any],
    folder: str,
    told: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    kept = [written for written, why in events if why]
    kept = kept or [written for written, _ in events[-1:]]
    if not kept:
        return
    shared = _Shared()
    for place, text in {folder: "falcohost/lines", **PLACES}.items():
        line = line.replace(place, text)
    body = [
        f"# {' '.join(line.split())}",
        f"- name: {_scalar(name)}",
        "  events:",
        *(f"  - {shared.text(one)}" for one in kept),
        *([f"  looked_up: {json.dumps(told)}"] if told else []),
    ]
    expected = _fired(runner, body)
    body.append(f"  expect: {'[' + ', '.join(map(_scalar, expected)) + ']' if expected else 'none'}")
    if rule not in expected and rule in runner.rules:
        body.append(f"  never: [{_scalar(rule)}]")
    yield from body


def _fired(runner: Runner, body: list[str]) -> list[str]:
    path = FOLDER / ".tried_test.yaml"
    path.write_text("\n".join([HEAD, *body, "  expect: none\n"]))
    try:
        (case,) = read_cases(str(path)).cases
        return list(dict.fromkeys(name for names in runner.run(case).fired for name in names))
    finally:
        path.unlink()


def _write(files: Mapping[str, list[list[str]]]) -> None:
    for stem, tests in files.items():
        name = stem.removeprefix("falcohost_").removesuffix("_rules")
        number, lines = len([*FOLDER.glob(f"{name}_[0-9]*_test.yaml")]) + 1 if name in _KEPT else 1, list[str]()
        for test in [*tests, None]:
            if test is None or len(lines) + len(test) > MOST_LINES:
                (FOLDER / f"{name}_{number}_test.yaml").write_text(HEAD + "\n".join(lines) + "\n")
                number, lines = number + 1, []
            lines += test or []
