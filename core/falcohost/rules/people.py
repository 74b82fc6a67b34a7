"""Shows load results to people: what is wrong, where exactly, and how to fix it.

```
okta_rules.yaml:3:14: unknown field okta.actr.name [LOAD_ERR_COMPILE_CONDITION]
      condition: okta.actr.name = root
                 ^
  in rule 'Okta root login'
  hint: did you mean okta.actor.name?
  Falco says: filter_check called with nonexistent field okta.actr.name
```
"""

from __future__ import annotations

from falcohost.engine.texts import printable
from falcohost.rules.places import Location
from falcohost.rules.results import FileResult, Problem, Spot

_NAMED = ("exception", "rule", "macro", "list")
_WIDTH = 150


def for_people(result: FileResult) -> str:
    """Return all errors of *result* as text, with their number."""
    count = len(result.errors)
    head = f"{printable(result.name)}: Invalid, {count} error{'s' if count != 1 else ''}"
    return head + "\n" + "\n\n".join(problem_for_people(problem) for problem in result.errors)


def problem_for_people(problem: Problem) -> str:
    """Return *problem* as text with its place, the line of the file, and a caret below."""
    spot = problem.spot or _last_place(problem)
    said = problem.said or problem.message or problem.code.value
    place = spot.place
    lines = [f"{printable(spot.file.name)}:{place.line + 1}:{place.column + 1}: {said} [{problem.code.name}]"]
    lines += excerpt(spot)
    lines += (f"  {step}" for step in problem.via)
    lines += (f"  in {_told(location)}" for location in reversed(problem.context.locations) if location.kind in _NAMED)
    if problem.hint:
        lines.append(f"  hint: {problem.hint}")
    if said != problem.message and problem.message:
        lines.append(f"  Falco says: {problem.message}")
    return "\n".join(lines)


def _last_place(problem: Problem) -> Spot:
    context = problem.context
    in_file = [location for location in context.locations if location.kind != "condition expression"]
    return Spot(context.file, in_file[-1].place)


def _told(location: Location) -> str:
    return f"{location.kind} '{printable(location.name)}'" if location.name else f"{location.kind} without a name"


def excerpt(spot: Spot) -> list[str]:
    """Return the line of the file and the caret; nothing if the file has no such line."""
    lines = spot.file.text.split("\n")
    if spot.place.line >= len(lines):
        return []
    line, column = lines[spot.place.line].rstrip("\r"), spot.place.column
    if not line.strip():
        return []
    begin = max(0, column - _WIDTH // 2) if len(line) > _WIDTH else 0
    shown = "".join(character if character.isprintable() else " " for character in line[begin : begin + _WIDTH])
    cut = "…" if begin else ""
    return [f"    {cut}{shown}", " " * (4 + len(cut) + column - begin) + "^"]
