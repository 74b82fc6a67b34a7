"""Writes load results as Falco does: in one line, at length, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable

from falcohost.engine.texts import printable
from falcohost.rules.codes import WARNING_MEANINGS, ErrorCode
from falcohost.rules.places import START, Context, Location, Place
from falcohost.rules.results import FileResult, Problem

_RULE = "------\n"
_SNIPPET_WIDTH = 160


def verdict(result: FileResult) -> str:
    """Return ``FILE: Ok``, ``FILE: Ok, with warnings`` or ``FILE: Invalid``."""
    name = printable(result.name)
    if not result.ok:
        return f"{name}: Invalid"
    return f"{name}: Ok, with warnings" if result.warnings else f"{name}: Ok"


def summary_text(result: FileResult) -> str:
    """Return the verdict and the code of each error and warning, one per line."""
    lines = [verdict(result)]
    if result.schema_status not in ("ok", "none"):
        lines.append(f" {len(result.schema)} schema warnings: [{' '.join(result.schema)}]")
    for what, problems in (("errors", result.errors), ("warnings", result.warnings)):
        if problems:
            lines.append(f" {len(problems)} {what}: [{' '.join(_code_text(problem) for problem in problems)}]")
    return "\n".join(lines)


def verbose_text(result: FileResult) -> str:
    """Return the verdict and every problem, with its locations and the text around it."""
    text = verdict(result)
    if result.schema_status not in ("ok", "none"):
        warnings = "".join(f"{_RULE}{warning}\n" for warning in result.schema)
        text += f"\n{len(result.schema)} Schema warnings:\n{warnings}{_RULE}"
    for what, problems in (("Errors", result.errors), ("Warnings", result.warnings)):
        if problems:
            entries = "".join(_entry(problem) for problem in problems)
            text += f"\n{len(problems)} {what}:\n{entries}"
    return text


def as_json(result: FileResult) -> dict[str, object]:
    """Return the result as the object that ``-V`` prints with ``json_output``; the caller sorts the keys."""
    found: dict[str, object] = {
        "name": result.name,
        "successful": result.ok,
        "errors": [_problem_json(problem) for problem in result.errors],
        "warnings": [_problem_json(problem) for problem in result.warnings],
    }
    if result.schema:
        valid = result.schema_status == "ok"
        found["schema_valid"] = valid
        found["schema_warnings"] = [] if valid else list(result.schema)
    return found


def _entry(problem: Problem) -> str:
    first, *others = (_location_line(location, place) for location, place in _places(problem.context))
    lines = "".join(f"    {line}\n" for line in others)
    return f"In {first}\n{lines}{_RULE}{snippet(problem.context)}{_RULE}{_code_text(problem)}: {problem.message}\n"


def _code_text(problem: Problem) -> str:
    about = f": field '{problem.field}'" if problem.field else ""
    return f"{problem.code.name} ({problem.code.value}{about})"


def _location_line(location: Location, place: Place) -> str:
    name = f" '{printable(location.name)}'" if location.name else ""
    return f"{location.kind}{name}: ({location.where}:{place.line}:{place.column})"


def _problem_json(problem: Problem) -> dict[str, object]:
    code = problem.code
    found: dict[str, object] = {
        "code": code.name,
        "codedesc": code.value if isinstance(code, ErrorCode) else WARNING_MEANINGS[code],
        "context": {
            "locations": [_location_json(location, place) for location, place in _places(problem.context)],
            "snippet": snippet(problem.context),
        },
        "message": problem.message,
    }
    if problem.field:
        found["deprecated_field"] = problem.field
    return found


def _location_json(location: Location, place: Place) -> dict[str, object]:
    position = {"name": location.where, "line": place.line, "column": place.column, "offset": place.offset}
    return {"item_type": location.kind, "item_name": location.name, "position": position}


def _places(context: Context) -> Iterable[tuple[Location, Place]]:
    """Yield each location of *context*, its place counted in bytes."""
    before = START
    for location in context.locations:
        place = location.place
        if location.kind == "condition expression":
            base = context.file.in_bytes(before)
            offset, column = base.offset - before.offset, base.column - before.column
            yield location, Place(place.offset + offset, place.line, place.column + column)
        else:
            yield location, context.file.in_bytes(place)
        before = place


def snippet(context: Context) -> str:
    """Return the line at the end of *context*, cut to 160 bytes, and a caret below.

    For conditions the caret is where Falco puts it, which is rarely the right place; see :mod:`falcohost.rules.people`.
    """
    text = context.file.text if context.condition is None else context.condition
    content = text.encode()
    if not content:
        return "<No context available>\n"
    *_, (_, place) = _places(context)
    offset = min(place.offset, len(content))
    while offset > 0 and (offset >= len(content) or content[offset] == 10):
        offset -= 1
    return _cut(content, offset)


def _cut(content: bytes, offset: int) -> str:
    half = _SNIPPET_WIDTH // 2
    begin, end = offset, offset
    while begin > 0 and content[begin] != 10 and offset - begin < half:
        begin -= 1
    while end < len(content) - 1 and content[end] != 10 and end - offset < half:
        end += 1
    begin += content[begin] == 10
    end -= content[end] == 10
    cut_left, cut_right = offset - begin >= half, end - offset >= half
    line = content[begin : end + 1]
    if not line:
        return "<No context available>\n"
    if cut_left:
        line = b"..." + line[3:]
    if cut_right:
        line = line[:-3] + b"..."
    caret = " " * (offset - begin) + "^\n" if offset - begin <= len(line) else ""
    return line.decode(errors="replace") + "\n" + caret
