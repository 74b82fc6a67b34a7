"""Prints which parts of conditions tests have covered, in the rule's own words, and which faults they do not notice."""

from __future__ import annotations

from collections.abc import Iterator

import click

from falcohost.cli.rules_lines import NAME, PLAIN, STRONG, Span, clean, lines
from falcohost.cli.rules_test_run import Asked, Group, Outcome
from falcohost.cli.rules_tree import check_spans
from falcohost.lang.tree import AndNode, NotNode
from falcohost.ruletests.conditions import Node
from falcohost.ruletests.coverage import DECIDED, DECIDED_FALSE, DECIDED_TRUE, WAS_FALSE, WAS_TRUE

#: Most faults that are listed of one rule without ``--full``.
_MOST = 10
_COLUMN = 14
#: Of a check: no event can have it decide when it is true, or when it is false.
_NEVER_TRUE, _NEVER_FALSE = 16, 32


def coverage_text(outcome: Outcome, asked: Asked) -> Iterator[str]:
    """Yield the lines about coverage: each rule that is not covered in whole with its condition, and the shares."""
    if not (asked.coverage or asked.fail_under is not None):
        return
    for group in outcome.groups:
        shares = group.shares()
        for name, share in shares.items() if asked.coverage else ():
            if share.decided < share.of or asked.full:
                yield ""
                yield f"{click.style(clean(name), bold=True)}  {share.percent} %, {share.decided} of {share.of} decided"
                if share.decided or asked.full or asked.rule:
                    yield from _condition(group, name, asked.full)
    found, counted = outcome.covered(), [one for group in outcome.groups for one in group.shares().values()]
    whole = sum(one.decided == one.of for one in counted)
    none = sum(not one.decided for one in counted)
    yield ""
    yield from lines(
        [
            (f"Conditions: {found.percent} % decided both ways", STRONG),
            (f" ({found.decided:,} of {found.of:,}); {whole} of {len(counted)} rules in whole", PLAIN),
            (f", {none} not at all" if none else "", PLAIN),
        ]
    )


def _condition(group: Group, name: str, full: bool) -> Iterator[str]:
    assert group.probes is not None
    probes, condition = group.probes, group.probes.conditions[name]
    seen = list(probes.coverage.seen.get(name) or [0] * len(condition.nodes))
    for node, answer in probes.never(name):
        seen[node.number] |= _NEVER_TRUE if answer else _NEVER_FALSE
    yield from _part(condition.root, seen, full, 0, [])


def _part(node: Node, seen: list[int], full: bool, depth: int, before: list[Span]) -> Iterator[str]:
    part = node.part
    before = [*before, *((f"{origin.name}: ", NAME) for origin in part.origins)]
    if isinstance(part.node, NotNode):
        yield from _part(node.items[0], seen, full, depth, [*before, ("not ", STRONG)])
        return
    guide = click.style("│ " * depth, dim=True) if depth else ""
    if node.kind != "check":
        joined = "all of" if isinstance(part.node, AndNode) else "any of"
        yield from lines([*before, (joined, STRONG)], f"  {'':<{_COLUMN}}{guide}", f"  {'':<{_COLUMN}}{guide}    ")
        for item in node.items:
            yield from _part(item, seen, full, depth + 1, [])
        return
    word, style = _word(seen[node.number])
    margin = f"  {click.style(f'{word:<{_COLUMN}}', **style)}{guide}"
    spans = [*before, *((text, {**own, **style}) for text, own in check_spans(part, full))]
    yield from lines(spans, margin, f"  {'':<{_COLUMN}}{guide}    ")


def _word(flags: int) -> Span:
    """Return what has been seen of a check, and its colour."""
    if flags & DECIDED == DECIDED:
        return "both ways", {"fg": "green"}
    if flags & (_NEVER_TRUE | _NEVER_FALSE):
        return _word_of_one(flags)
    if flags & DECIDED_TRUE:
        return "only true", {"fg": "yellow"}
    if flags & DECIDED_FALSE:
        return "only false", {"fg": "yellow"}
    if not flags:
        return "not asked", {"fg": "red"}
    both = WAS_TRUE | WAS_FALSE
    return "never decided" if flags & both == both else "always " + ("true" if flags & WAS_TRUE else "false"), {
        "fg": "red"
    }


def _word_of_one(flags: int) -> Span:
    """Return what has been seen of a check that can decide one way at most."""
    if flags & _NEVER_TRUE and flags & _NEVER_FALSE:
        return "cannot decide", {"fg": "green"}
    if flags & (DECIDED_FALSE if flags & _NEVER_TRUE else DECIDED_TRUE):
        return "the one way", {"fg": "green"}
    return "not decided", {"fg": "red"}


def mutation_text(outcome: Outcome, asked: Asked) -> Iterator[str]:
    """Yield the lines about faults that no test notices."""
    if not asked.mutate:
        return
    tried = noticed = left_out = 0
    for group in outcome.groups:
        assert group.probes is not None
        killed = group.killed()
        for name, (faults, count) in group.probes.faults.items():
            alive = [fault for number, fault in enumerate(faults) if (name, number) not in killed]
            tried += len(faults)
            noticed += len(faults) - len(alive)
            left_out += count - len(faults)
            if not alive:
                continue
            yield ""
            yield f"{click.style(clean(name), bold=True)}  {len(alive)} of {len(faults)} faults noticed by no test"
            shown = alive if asked.full or len(alive) <= _MOST + 1 else alive[:_MOST]
            for fault in shown:
                yield from lines([(fault.change, {"fg": "red"})], "  ", "      ")
            if len(shown) < len(alive):
                yield click.style(f"  … {len(alive) - len(shown)} more (--full)", dim=True)
    yield ""
    more = f"; {left_out:,} more were not tried (--mutants)" if left_out else ""
    share = 100 * noticed // tried if tried else 100
    yield from lines([(f"Faults: {share} % noticed", STRONG), (f" ({noticed:,} of {tried:,}){more}", PLAIN)])
