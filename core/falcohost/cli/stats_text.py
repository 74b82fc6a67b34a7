"""What ``falcohost stats`` prints for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from falcohost.cli.rules_lines import clean
from falcohost.host.numbers import OutputNumbers, Snapshot, SourceNumbers, StoreNumbers, TypeNumbers

#: Rows that are shown unless all are wanted.
_ROWS = 20

_COLUMNS = ("seen", "filtered", "passed", "matched", "lost")

#: Seconds after which an output that has not come back is told of.
_BUSY = 2.0


def stats_text(found: Snapshot, *, full: bool) -> Iterator[str]:
    """Yield the lines about *found*, which counts from the agent's start, or from an earlier look on."""
    counted = f"up {_duration(found.seconds)}" if found.span is None else f"in {found.span:.1f} s"
    yield click.style(f"falcohost {found.version}, process {found.pid}", bold=True) + f", {counted}"
    for source in found.sources:
        yield ""
        yield from _source(source, found.span, full)
    yield ""
    for output in found.outputs:
        yield _output(output)
    yield _store(found.store)


def _source(source: SourceNumbers, span: float | None, full: bool) -> Iterator[str]:
    state = click.style(source.state, fg="green" if source.state in ("open", "ended") else "yellow")
    restarts = f", restarted {_times(source.restarts)}" if source.restarts else ""
    yield f"{click.style(clean(source.name), bold=True)}: {state} for {_duration(source.seconds)}{restarts}"
    if source.error:
        yield click.style(f"  {clean(source.error)}", fg="red")
    numbers = [("received", source.received), ("passed", source.passed), ("filtered", source.filtered)]
    yield "  " + ", ".join([f"{number:,} {name}" for name, number in numbers] + [_loss(source)])
    if source.fill:
        fullest = ", ".join(f"{clean(name)} {100 * part:.1f}%" for name, part in source.fill.items())
        yield f"  buffers filled at most: {fullest}"
    if source.weakened:
        yield click.style(f"  {source.weakened} filters are weaker than they could be: see the log", fg="yellow")
    if source.failed:
        yield click.style(f"  a rule could not be evaluated on {source.failed:,} events: see the log", fg="red")
    yield from _types(source, span, full)


def _loss(source: SourceNumbers) -> str:
    causes = {cause: count for cause, count in source.lost.items() if count}
    if not causes:
        return "0 lost"
    told = ", ".join(f"{clean(cause)} {count:,}" for cause, count in causes.items())
    return click.style(f"{sum(causes.values()):,} lost ({told})", fg="red")


def _types(source: SourceNumbers, span: float | None, full: bool) -> Iterator[str]:
    """Yield a row for each event type, those that cost most, or came most often, first."""
    rows = sorted(source.types.items(), key=lambda row: (-row[1].cost, -row[1].seen, -row[1].matched, row[0]))
    rows = [row for row in rows if any((row[1].seen, row[1].matched, row[1].lost))]
    shown = rows if full else rows[:_ROWS]
    timed = [kind for _, kind in shown if kind.timed]
    if source.unwanted.timed and span is not None:
        shown = [*shown, ("(no rule's)", source.unwanted)]
        timed.append(source.unwanted)
    if not shown:
        return
    yield from _table([(clean(name), kind) for name, kind in shown], span if timed else None, timed=bool(timed))
    if len(rows) > _ROWS and not full:
        yield f"  … {len(rows) - _ROWS} more with --full"


def _table(rows: Sequence[tuple[str, TypeNumbers]], span: float | None, *, timed: bool) -> Iterator[str]:
    names = [*_COLUMNS, *(["ns each"] if timed else []), *(["of a core"] if span else [])]
    cells = [(name, kind, _cells(kind, span, timed)) for name, kind in rows]
    sizes = [max(len(name), *(len(row[2][place]) for row in cells)) for place, name in enumerate(names)]
    first = max(len("event type"), *(len(name) for name, _, _ in cells))
    heads = "".join(f"  {name:>{size}}" for name, size in zip(names, sizes, strict=True))
    yield click.style(f"  {'event type':<{first}}{heads}", dim=True)
    for name, kind, texts in cells:
        padded = [f"  {text:>{size}}" for text, size in zip(texts, sizes, strict=True)]
        if kind.lost:
            padded[4] = click.style(padded[4], fg="red")
        if kind.matched:
            padded[3] = click.style(padded[3], fg="yellow")
        yield f"  {click.style(f'{name:<{first}}', fg='cyan')}{''.join(padded)}"


def _cells(kind: TypeNumbers, span: float | None, timed: bool) -> list[str]:
    cells = [f"{getattr(kind, name):,}" for name in _COLUMNS]
    if timed:
        cells.append(f"{kind.ns / kind.timed:,.0f}" if kind.timed else "")
    if span:
        cells.append(f"{kind.cost / span / 1e7:.2f}%" if kind.timed else "")
    return cells


def _output(output: OutputNumbers) -> str:
    line = f"output {click.style(clean(output.name), bold=True)}: {output.waiting:,} alerts wait"
    if output.busy > _BUSY:
        line += click.style(f", one delivery has taken {_duration(output.busy)} so far", fg="yellow")
    if output.dropped:
        line += click.style(f", {output.dropped:,} will not be delivered", fg="red")
    return line


def _store(store: StoreNumbers) -> str:
    line = f"{click.style('store', bold=True)}: {store.last:,} alerts so far"
    if not store.kept:
        line += click.style(", in memory only", fg="yellow")
    if store.unwritten:
        line += click.style(f", {store.unwritten:,} wait for the disk", fg="red")
    if store.lost:
        line += click.style(f", {store.lost:,} given up before every output had them", fg="red")
    return line


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _duration(seconds: float) -> str:
    """Return *seconds* as people say it: the largest unit and the next."""
    whole = int(seconds)
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
