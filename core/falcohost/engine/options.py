"""The transformer ``getopt``: reads short options from a list of arguments like getopt(3), without permuting."""

from __future__ import annotations

from collections.abc import Iterator


def getopt(values: tuple[str, ...] | None, optstring: str | None) -> tuple[str, ...] | None:
    """Return each option's letter and, if it takes an argument, its value; ``?`` for an unknown letter."""
    if values is None or optstring is None:
        return None
    known = _known(optstring)
    found: list[str] = []
    for letter, value in _options(values, known):
        if letter not in known:
            found.append("?")
        elif not known[letter]:
            found.append(letter)
        elif value is None:
            found.append("")
        else:
            found += (letter, value)
    return tuple(found)


def selected_option(letter: str, values: tuple[str, ...] | None, optstring: str | None) -> str | None:
    """Return the last value of the option *letter*: the letter itself if it takes none, "" if its value is missing."""
    if values is None or optstring is None:
        return None
    known = _known(optstring)
    result: str | None = None
    for option, value in _options(values, known):
        if option == letter and option in known:
            result = (value or "") if known[option] else option
    return result


def _known(optstring: str) -> dict[str, bool]:
    """Return the letters of *optstring*, and whether each takes a value."""
    known: dict[str, bool] = {}
    for index, letter in enumerate(optstring):
        if letter != ":":
            known[letter] = known.get(letter, False) or optstring[index + 1 : index + 2] == ":"
    return known


def _options(values: tuple[str, ...], known: dict[str, bool]) -> Iterator[tuple[str, str | None]]:
    rest = iter(values)
    for token in rest:
        if token.startswith("--") and len(token) > 2:
            continue  # long options are skipped, not read
        if token == "--" or len(token) < 2 or token[0] != "-":
            return
        for index in range(1, len(token)):
            letter = token[index]
            if not known.get(letter):
                yield letter, None
                continue
            yield letter, token[index + 1 :] if index + 1 < len(token) else next(rest, None)
            break
