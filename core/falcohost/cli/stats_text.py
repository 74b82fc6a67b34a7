"""What ``falcohost stats`` prints for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from falcohost.cli.rules_lines import clean
from falcohost.host.numbers import OutputNumbers, Snapshot, SourceNumbers, StoreNumbers, TypeNumbers

#: Rows that are shown unless all are wanted.
_ROWS = 20

_COLUMNS = ("seen", "filtered", "passed", "matched", "unmatched", "lost")
_COLOURS = {"matched": "yellow", "lost": "red"}

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
    for note in source.notes:
        yield f"  {clean(note)}"
    if source.weakened:
        yield click.style(f"  {source.weakened} filters are weaker than they could be: see the log", fg="yellow")
    if source.failed:
        yield click.style(f"  a rule could not be evaluated on {source.failed:,} events: see the log", fg="red")
    yield from _types(source, span, full)
    yield from _rules(source, full)


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
    unwanted = [(f"({name})", kind) for name, kind in source.unwanted.items() if kind.timed and span is not None]
    shown = [*(rows if full else rows[:_ROWS]), *unwanted]
    timed = any(kind.timed for _, kind in shown)
    heads = [*_COLUMNS, *(["ns each"] if timed else []), *(["of a core"] if timed and span else [])]
    yield from _table("event type", heads, {name: _cells(kind, heads, span) for name, kind in shown})
    yield from _more(len(rows), full)


def _rules(source: SourceNumbers, full: bool) -> Iterator[str]:
    """Yield a row for each rule that has matched, those that did most often first."""
    rows = sorted(source.rules.items(), key=lambda row: (-row[1].matched, row[0]))
    rows = [row for row in rows if row[1].matched]
    heads = ["matched", "folded"]
    shown = {name: [f"{rule.matched:,}", f"{rule.folded:,}"] for name, rule in (rows if full else rows[:_ROWS])}
    yield from _table("rule", heads, shown)
    yield from _more(len(rows), full)


def _more(rows: int, full: bool) -> Iterator[str]:
    if rows > _ROWS and not full:
        yield f"  … {rows - _ROWS} more with --full"


def _table(first: str, heads: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; numbers that ask for a look are coloured."""
    if not rows:
        return
    named = {clean(name): cells for name, cells in rows.items()}
    sizes = [max(len(head), *(len(cells[place]) for cells in named.values())) for place, head in enumerate(heads)]
    width = max(len(first), *map(len, named))
    titles = "".join(f"  {head:>{size}}" for head, size in zip(heads, sizes, strict=True))
    yield click.style(f"  {first:<{width}}{titles}", dim=True)
    for name, cells in named.items():
        texts = [_coloured(head, f"  {text:>{size}}") for head, text, size in zip(heads, cells, sizes, strict=True)]
        yield f"  {click.style(f'{name:<{width}}', fg='cyan')}{''.join(texts)}"


def _coloured(head: str, text: str) -> str:
    return click.style(text, fg=_COLOURS[head]) if head in _COLOURS and text.strip() != "0" else text


def _cells(kind: TypeNumbers, heads: Sequence[str], span: float | None) -> list[str]:
    cells = [f"{max(getattr(kind, name), 0):,}" for name in _COLUMNS]
    if "ns each" in heads:
        cells.append(f"{kind.ns / kind.timed:,.0f}" if kind.timed else "")
    if span and "of a core" in heads:
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
