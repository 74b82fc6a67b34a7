"""Writes the text output of ``falcohost stats``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import click
import msgspec

from falcohost.cli.rules_lines import clean
from falcohost.counters import Counter, Over, Shape, counters, number
from falcohost.host.numbers import Numbers, ProgramNumbers, TypeNumbers
from falcohost.host.snapshot import (
    ActionSnapshot,
    OutputSnapshot,
    ProgramSnapshot,
    ProgramState,
    Snapshot,
    SourceSnapshot,
    StoreSnapshot,
)

T = TypeVar("T", bound=msgspec.Struct)


class _Matched(msgspec.Struct, frozen=True):
    """What there is of each event type if the source does not count its events by type."""

    matched: Annotated[int, number("matches of rules", colour="yellow")] = 0


#: Most rows of a table without ``--full``.
_ROWS = 20

#: Most programs in the kernel without ``--full``.
_PROGRAMS = 10

#: Seconds after which a delivery that is still running is mentioned.
_BUSY = 2.0


def stats_text(found: Snapshot, *, full: bool) -> Iterator[str]:
    """Yield the lines for *found*, which counts from the agent's start or from the previous reading."""
    counted = f"up {_duration(found.seconds)}" if found.span is None else f"in {found.span:.1f} s"
    yield click.style(f"falcohost {found.version}, process {found.pid}", bold=True) + f", {counted}"
    for source in found.sources:
        yield ""
        yield from _source(source, found.span, full)
    yield from _programs(found.programs, full)
    yield ""
    for output in found.outputs:
        yield _output(output)
    yield _store(found.store)
    for action in found.actions:
        yield _action(action)


def _source(source: SourceSnapshot, span: float | None, full: bool) -> Iterator[str]:
    state, numbers = source.state, source.numbers
    shown = click.style(state.state, fg="green" if state.state in ("open", "ended") else "yellow")
    restarts = f", restarted {_times(state.restarts)}" if state.restarts else ""
    yield f"{click.style(clean(state.name), bold=True)}: {shown} for {_duration(state.seconds)}{restarts}"
    if state.error:
        yield click.style(f"  {clean(state.error)}", fg="red")
    yield "  " + ", ".join(_counts(numbers))
    yield from _parts(numbers)
    yield from _sentences(numbers)
    yield from _warnings(numbers, "  ")
    yield from _types(numbers, span, full)
    yield from _tables(numbers, full)


def _told(numbers: msgspec.Struct, shape: Shape) -> Iterator[tuple[Counter, str, Any]]:
    """Yield the counters of *shape* that have a text, with text and value."""
    for counter in counters(type(numbers)):
        if counter.shape is shape and counter.text is not None:
            yield counter, counter.text, getattr(numbers, counter.name)


def _counts(numbers: msgspec.Struct) -> Iterator[str]:
    """Yield the plain counts, then the losses."""
    for counter, text, value in _told(numbers, Shape.NUMBER):
        if "{" not in text:
            yield f"{counter.unit.value.format(value)} {text}"
    for counter, text, value in _told(numbers, Shape.BY_NAME):
        if counter.over is Over.SUM and "{" not in text:
            yield _by_cause(counter, text, _not_zero(value))


def _by_cause(counter: Counter, text: str, counts: Mapping[str, int]) -> str:
    form = counter.unit.value.format
    if not counts:
        return f"{form(0)} {text}"
    causes = ", ".join(f"{clean(cause)} {form(count)}" for cause, count in counts.items())
    return click.style(f"{form(sum(counts.values()))} {text} ({causes})", fg=counter.colour)


def _not_zero(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _parts(numbers: Numbers) -> Iterator[str]:
    """Yield a line for each counter whose values have names."""
    for counter, text, value in _told(numbers, Shape.BY_NAME):
        if counter.over is Over.LAST and value:
            form = counter.unit.value.format
            yield f"  {text}: " + ", ".join(f"{clean(name)} {form(part)}" for name, part in value.items())


def _sentences(numbers: Numbers) -> Iterator[str]:
    for _, _, value in _told(numbers, Shape.SENTENCES):
        for sentence in value:
            yield f"  {clean(sentence)}"


def _warnings(numbers: msgspec.Struct, before: str) -> Iterator[str]:
    """Yield the texts that are only there if their number is not 0, each with *before* in front."""
    for counter, text, value in _told(numbers, Shape.NUMBER):
        if "{" in text and value:
            yield click.style(before + text.format(value), fg=counter.colour)
    for counter, text, value in _told(numbers, Shape.BY_NAME):
        if "{" in text and (counts := _not_zero(value)):
            yield before + _by_cause(counter, text.replace("{} ", ""), counts)


def _types(numbers: Numbers, span: float | None, full: bool) -> Iterator[str]:
    """Yield a row for each event type: the most costly first, then the most frequent."""
    rows = sorted(numbers.types.items(), key=lambda row: (-row[1].cost, -row[1].seen, -row[1].matched, row[0]))
    rows = [row for row in rows if any((row[1].seen, row[1].matched, row[1].lost))]
    unwanted = [(f"({name})", kind) for name, kind in numbers.unwanted.items() if kind.timed and span is not None]
    shown = dict([*(rows if full else rows[:_ROWS]), *unwanted])
    costs: dict[str, Callable[[TypeNumbers], str]] = {}
    if any(kind.timed for kind in shown.values()):
        costs["ns each"] = lambda kind: f"{kind.ns / kind.timed:,.0f}" if kind.timed else ""
        if span:
            costs["of a core"] = lambda kind: f"{kind.cost / span / 1e7:.2f}%" if kind.timed else ""
    if any(kind.worked for kind in shown.values()):
        costs["read ns"] = lambda kind: f"{kind.read_ns / kind.worked:,.0f}" if kind.worked else ""
        costs["match ns"] = lambda kind: f"{kind.match_ns / kind.worked:,.0f}" if kind.worked else ""
    if any(kind.seen or kind.passed or kind.lost for kind in shown.values()):
        yield from _table("event type", TypeNumbers, shown, costs)
    else:  # the numbers of a source that does not count them are unknown, not 0
        matched = {name: _Matched(kind.matched) for name, kind in shown.items()}
        yield from _table("event type", _Matched, matched, {})
    yield from _more(len(rows), full)


def _tables(numbers: Numbers, full: bool) -> Iterator[str]:
    """Yield the tables other than that of event types, each with the largest first."""
    for counter, text, value in _told(numbers, Shape.ROWS):
        if counter.name != "types" and counter.of is not None:
            columns = counters(counter.of)
            rows = [(name, [getattr(row, one.name) for one in columns], row) for name, row in value.items()]
            rows = sorted((row for row in rows if any(row[1])), key=lambda row: (-row[1][0], row[0]))
            yield from _table(text, counter.of, {name: row for name, _, row in (rows if full else rows[:_ROWS])}, {})
            yield from _more(len(rows), full)


def _programs(programs: Sequence[ProgramSnapshot], full: bool) -> Iterator[str]:
    """Yield a row for each program in the kernel that has run, the dearest first."""
    if not programs:
        return
    shown = programs if full else programs[:_PROGRAMS]
    costs: dict[str, Callable[[ProgramNumbers], str]] = {
        "ns each": lambda one: f"{one.ns / one.runs:,.0f}",
        "of a core": lambda one: f"{one.ns / one.seconds / 1e7:.2f}%",
    }
    yield ""
    rows = {_where(one.state): one.numbers for one in shown}
    yield from _table("program in the kernel", ProgramNumbers, rows, costs)
    if len(programs) > len(shown):
        yield f"  … {len(programs) - len(shown)} more with --full"


def _where(program: ProgramState) -> str:
    return program.name if program.at in ("", program.name) else f"{program.name} ({program.at})"


def _more(rows: int, full: bool) -> Iterator[str]:
    if rows > _ROWS and not full:
        yield f"  … {rows - _ROWS} more with --full"


def _table(first: str, of: type[T], rows: Mapping[str, T], more: Mapping[str, Callable[[T], str]]) -> Iterator[str]:
    """Yield the lines of a table with a column for each counter, then *more*; numbers that need attention are coloured.

    :param first: the heading of the names.
    """
    if not rows:
        return
    columns = [*map(_column, (one for one in counters(of) if one.text is not None)), *more.items()]
    colours = {one.text: one.colour for one in counters(of)}
    named = {clean(name): [cell(row) for _, cell in columns] for name, row in rows.items()}
    heads = [head for head, _ in columns]
    sizes = [max(len(head), *(len(cells[place]) for cells in named.values())) for place, head in enumerate(heads)]
    width = max(len(first), *map(len, named))
    titles = "".join(f"  {head:>{size}}" for head, size in zip(heads, sizes, strict=True))
    yield click.style(f"  {first:<{width}}{titles}", dim=True)
    for name, cells in named.items():
        looks = zip(heads, cells, sizes, strict=True)
        texts = [_coloured(f"  {text:>{size}}", colours.get(head)) for head, text, size in looks]
        yield f"  {click.style(f'{name:<{width}}', fg='cyan')}{''.join(texts)}"


def _column(counter: Counter) -> tuple[str, Callable[[object], str]]:
    form = counter.unit.value.format
    return str(counter.text), lambda row: form(max(getattr(row, counter.name), 0))


def _coloured(text: str, colour: str | None) -> str:
    return click.style(text, fg=colour) if colour is not None and text.strip() != "0" else text


def _output(output: OutputSnapshot) -> str:
    state = output.state
    line = f"{state.kind} {click.style(clean(state.name), bold=True)}: {', '.join(_counts(output.numbers))}"
    if state.busy > _BUSY:
        line += click.style(f", the current delivery has taken {_duration(state.busy)} so far", fg="yellow")
    return line + "".join(_warnings(output.numbers, ", "))


def _action(action: ActionSnapshot) -> str:
    said = ", ".join(_warnings(action.numbers, "")) or "nothing yet"
    stopped = click.style(", all actions are stopped", fg="yellow") if action.state.stopped else ""
    return f"action {click.style(clean(action.state.name), bold=True)}: {said}{stopped}"


def _store(store: StoreSnapshot) -> str:
    line = f"{click.style('store', bold=True)}: {', '.join(_counts(store.numbers))}"
    if not store.state.kept:
        line += click.style(", in memory only", fg="yellow")
    return line + "".join(_warnings(store.numbers, ", "))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _duration(seconds: float) -> str:
    """Return *seconds* in the largest fitting unit and the next smaller one."""
    whole = int(seconds)
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
