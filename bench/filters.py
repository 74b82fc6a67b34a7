"""Measures filters: instructions, the verifier's work, and nanoseconds per event, for the public rules and for many.

Needs root. Synthetic events run through the programs in the kernel (BPF_PROG_TEST_RUN), measured with the kernel's own
run-time statistics, whose clock also costs some nanoseconds: the first row, a filter that does next to nothing, shows
how many. An event that no filter drops costs the agent another ``agent_us`` microseconds of CPU time, to read the
record and evaluate the rules (not counting the ring, and other calls that a rule then needs).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "plugins/syscall/tests/filters"))

import random_events  # noqa: E402
from filter_bench import FilterBench  # noqa: E402
from workload.handmade import Task, call, decoder  # noqa: E402

from falcohost.engine.code.module import compile_condition  # noqa: E402
from falcohost.engine.code.specialise import specialise  # noqa: E402
from falcohost.engine.ir import Expr, Or  # noqa: E402
from falcohost.engine.typecheck import check  # noqa: E402
from falcohost.lang.parser import parse  # noqa: E402
from falcohost_syscall.calls.rows import BY_NAME  # noqa: E402
from falcohost_syscall.drivers.modern_ebpf.filters import OF_CALLS  # noqa: E402
from falcohost_syscall.filters.condition import Point  # noqa: E402
from falcohost_syscall.filters.load import compiled  # noqa: E402
from falcohost_syscall.kernel.libbpf import Library  # noqa: E402
from falcohost_syscall.kernel.programs import Kernel  # noqa: E402
from falcohost_syscall.processes.users import Users  # noqa: E402
from falcohost_syscall.pushdown.decide import decide  # noqa: E402
from falcohost_syscall.pushdown.necessary import necessary  # noqa: E402
from falcohost_syscall.records import record as R  # noqa: E402

STATISTICS = Path("/proc/sys/kernel/bpf_stats_enabled")
RUNS = 20_000
NAME = "/srv/apx999/secret"


class CountingKernel(Kernel):
    """Remembers how long the programs were."""

    def __init__(self, library: Library) -> None:
        super().__init__(library)
        self.sizes: dict[int, int] = {}

    def program(self, code: bytes, *more: Any) -> int:
        """Load a program and note how many instructions it has."""
        fd = super().program(code, *more)
        self.sizes[fd] = len(code) // 8
        return fd


def rules(count: int, form: str) -> Expr:
    """Return *count* rules of one form, any of which may match."""
    texts = (f"evt.type = openat and {form.format(n=n)}" for n in range(count))
    return Or(tuple(check(parse(text), random_events.CATALOG).expr for text in texts))


def public() -> Iterator[tuple[str, Expr]]:
    """Yield the public stable rules, if they are beside the project."""
    file = ROOT.parent / "shared/corpus/rules/falco_rules.yaml"
    if not file.exists():
        return
    from falcohost.engine.plan import make_plan
    from falcohost.host.catalogs import catalogs, event_types
    from falcohost.host.plugins import load_plugins
    from falcohost.rules.loader import LoadOptions, load_rules, read_file

    plugins = load_plugins([])
    options = LoadOptions(event_types=event_types(plugins), plugins=plugins.stands_for())
    outcome = load_rules([read_file(str(file))], catalogs(plugins), options)
    plan = make_plan("syscall", outcome.ruleset.enabled("syscall"))
    if plan.condition is not None:
        yield "public stable rules", plan.condition


FORMS = {
    "one rule on a user": (1, "user.uid = 4711"),
    "1000 names": (1000, "fd.name = /srv/app{n}/secret and not proc.name = app{n}"),
    "1000 names, reading": (1000, "evt.is_open_read = true and fd.name in (/srv/a{n}, /srv/b{n}) and proc.name = x{n}"),
    "1000 prefixes": (1000, "fd.name startswith /srv/app{n}/"),
    "1000 ends": (1000, "fd.name endswith .secret{n}"),
    "1000 mixed": (1000, "fd.name startswith /srv/app{n}/ and not fd.name endswith .log{n}"),
    "1 search": (1, "fd.name contains secret{n}x"),
    "2 searches": (2, "fd.name contains secret{n}x"),
    "17 searches": (17, "fd.name contains secret{n}x"),
    "1000 searches": (1000, "fd.name contains secret{n}x"),
    "1000 searches, any case": (1000, "fd.name icontains secret{n}x"),
    "1000 regular expressions": (1000, "fd.name regex '/srv/[a-z]+/app{n}/.*'"),
    "a rule that defeats it": (1, "fd.name contains x or proc.name glob *y*"),
}


def measure(bench: FilterBench, expr: Expr) -> dict[str, object]:
    """Return the figures of the filter for openat."""
    condition = necessary(specialise(expr, "openat"), decide(BY_NAME["openat"], Users()))
    start = time.process_time()
    programs, weaker = compiled(condition, bench.kernel, bench.maps, OF_CALLS)
    seconds = time.process_time() - start
    if weaker is not None:
        print(f"weaker: {weaker}", file=sys.stderr)
    told = {fd: _info(fd) for fd in programs.values()}
    ns, passed = _time(bench, programs)
    figures = {
        "programs": len(programs),
        "instructions": sum(bench.kernel.sizes[fd] for fd in told),
        "verified": sum(info["verified_insns"] for info in told.values()),
        "load_ms": round(seconds * 1e3, 1),
        "ns": round(ns),
        "weaker": weaker is not None,
        "passed": passed,
        "agent_us": round(_agent(expr), 1) if passed else 0,
    }
    bench.unload(programs)
    return figures


def _time(bench: FilterBench, programs: dict[Point, int]) -> tuple[float, bool]:
    """Return the nanoseconds of the programs that an event meets until one leaves it out, and whether none does."""
    record, ns = _record(), 0.0
    for point, fd in programs.items():
        passed = bench.run(fd, record, point)
        before = _info(fd)
        for _ in range(RUNS):
            bench.kernel.run(fd, bytes(16))
        after = _info(fd)
        ns += (after["run_time_ns"] - before["run_time_ns"]) / (after["run_cnt"] - before["run_cnt"])
        if not passed:
            return ns, False
    return ns, True


def _agent(expr: Expr) -> float:
    """Return the microseconds of CPU time that an event costs which goes to the rules, here compiled as they stand."""
    matches = compile_condition(specialise(expr, "openat"))
    records = [_record()] * RUNS
    start = time.process_time()
    for event in decoder("openat").events(records):
        matches(event)
    return (time.process_time() - start) / RUNS * 1e6


def _record() -> bytes:
    info = R.FDINFO.pack(42, 0o100644, 0xFE00, 0xEF53, 0, 0, 0)
    sections = {R.SEC_FD: info, R.SEC_FDPATH: NAME.encode(), R.SEC_PATH: NAME.encode()}
    return call("openat", Task(4242, cgroup=random_events.HOST), 3, (0xFFFFFF9C, 0, 0o2000000), sections)


def _info(fd: int) -> dict[str, int]:
    found = dict(
        line.split(":\t", 1) for line in Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines() if ":\t" in line
    )
    return {name: int(found[name]) for name in ("run_time_ns", "run_cnt", "verified_insns")}


def main() -> None:
    """Print a table, then one line of JSON."""
    STATISTICS.write_text("1")
    figures = {}
    try:
        with FilterBench(CountingKernel(Library())) as bench:
            sets = [*((name, rules(*form)) for name, form in FORMS.items()), *public()]
            for name, expr in sets:
                figures[name] = measure(bench, expr)
                print(f"{name:28}", *(f"{key} {value}" for key, value in figures[name].items()))
    finally:
        STATISTICS.write_text("0")
    print(json.dumps({"bench": "filters", "sets": figures}))


if __name__ == "__main__":
    main()
