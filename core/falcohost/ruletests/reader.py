"""Reads files of rule tests; all mistakes of a file are told together, each with its place and how to mend it.

A file may come from anybody: its size, the number of its values and their depth are bounded, an anchor that is used
again counts each time, and nothing in it is run.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from falcohost.engine.texts import printable
from falcohost.errors import RulesError
from falcohost.regular import MIB, read_regular
from falcohost.rules.documents import (
    MappingNode,
    Node,
    ScalarNode,
    SequenceNode,
    YamlMap,
    YamlSyntaxError,
    place_of,
    read_documents,
    to_bool,
)
from falcohost.rules.encodings import yaml_text
from falcohost.rules.people import excerpt
from falcohost.rules.places import START, Place, RulesFile
from falcohost.rules.results import Spot
from falcohost.ruletests.cases import Case, CaseFile, Expected, Part
from falcohost.ruletests.values import ValueBudget, ValueMistake

#: The largest file of tests and of records, and the most tests in one file.
LARGEST, MOST_CASES = 64 * MIB, 100_000
#: Most mistakes of one file that are told.
_MOST_TOLD = 20

_FILE_KEYS = ("rules", "source", "base", "tests")
_CASE_KEYS = (
    "name", "source", "events", "capture", "from", "to", "command", "expect", "never", "others", "each", "looked_up",
)  # fmt: skip
_EXPECT_KEYS = ("rule", "fields", "output")
_GIVEN = ("events", "capture", "command")


class _Mistake(Exception):
    def __init__(self, node: Node | None, said: str, hint: str = "", place: Place | None = None) -> None:
        super().__init__(said)
        self.place = place if place is not None else START if node is None else place_of(node)
        self.said, self.hint = said, hint


def read_cases(path: str) -> CaseFile:
    """Read the file of tests at *path*.

    :raises RulesError: it cannot be read or has mistakes; the text tells all of them.
    """
    try:
        text = yaml_text(read_regular(path, LARGEST), errors="replace")
    except OSError as error:
        raise RulesError(f"the tests {printable(path)} cannot be read: {error.strerror}") from None
    reader = _Reader(RulesFile(path, text))
    found = reader.read()
    if reader.told:
        more = len(reader.told) - _MOST_TOLD
        told = [*reader.told[:_MOST_TOLD], *([f"… and {more} more"] if more > 0 else [])]
        raise RulesError("\n\n".join(told))
    return found


class _Reader:
    """Reads one file; *told* are its mistakes."""

    def __init__(self, file: RulesFile) -> None:
        self._file = file
        self._folder = Path(file.name).parent
        self._budget = ValueBudget()
        self._base: dict[str, Any] = {}
        self.told: list[str] = []

    def read(self) -> CaseFile:
        rules: tuple[str, ...] = ()
        cases: list[Case] = []
        with self._telling():
            top = self._top()
            source = self._text(top, "source")
            self._base = self._object(top.get("base"), "base")
            with self._telling():
                rules = tuple(str(self._folder / name) for name in self._texts(top.get("rules"), "rules"))
            tests = top.get("tests")
            if not isinstance(tests, SequenceNode) or not tests.value:
                raise _Mistake(tests or top.node, "expected a list of tests", "tests: [{name: …, events: […]}]")
            if len(tests.value) > MOST_CASES:
                raise _Mistake(tests, f"there are more than {MOST_CASES:,} tests", "split the file")
            names: set[str] = set()
            for node in tests.value:
                with self._telling():
                    case = self._case(node, source)
                    if case.name in names:
                        raise _Mistake(node, f"there is another test {case.name!r} in this file", "rename one of them")
                    names.add(case.name)
                    cases.append(case)
        return CaseFile(self._file.name, rules, tuple(cases))

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell a mistake, and go on behind."""
        try:
            yield
        except _Mistake as mistake:
            spot = Spot(self._file, mistake.place)
            at = f"{printable(self._file.name)}:{mistake.place.line + 1}:{mistake.place.column + 1}"
            lines = [f"{at}: {printable(str(mistake))}", *excerpt(spot)]
            self.told.append("\n".join([*lines, *([f"  hint: {mistake.hint}"] if mistake.hint else [])]))

    def _top(self) -> YamlMap:
        try:
            documents = read_documents(self._file.text)
            if len(documents) != 1 or not isinstance(documents[0], MappingNode):
                node = documents[0] if documents else None
                raise _Mistake(node, "expected one map with the key 'tests'", "tests: [{name: …, events: […]}]")
            return self._known(YamlMap(documents[0]), _FILE_KEYS)
        except YamlSyntaxError as error:
            raise _Mistake(None, error.problem, place=error.place) from None

    def _known(self, given: YamlMap, keys: Iterable[str]) -> YamlMap:
        keys, seen = tuple(keys), set[str]()
        for name, key, _ in given.entries:
            if name not in keys:
                near = difflib.get_close_matches(name, keys, n=1)
                raise _Mistake(key, f"unknown key '{name}'", f"did you mean {near[0]}?" if near else f"{_or(keys)}")
            if name in seen:
                raise _Mistake(key, f"the key '{name}' is there twice", "remove one of them")
            seen.add(name)
        return given

    def _map(self, node: Node, keys: Iterable[str], what: str) -> YamlMap:
        if not isinstance(node, MappingNode):
            raise _Mistake(node, f"expected a map with {what}")
        try:
            return self._known(YamlMap(node), keys)
        except YamlSyntaxError as error:
            raise _Mistake(node, error.problem, place=error.place) from None

    def _case(self, node: Node, source: str | None) -> Case:
        given = self._map(node, _CASE_KEYS, "name and events")
        name = self._text(given, "name")
        if not name:
            raise _Mistake(node, "the test has no name", "name: what happens")
        kinds = [kind for kind in _GIVEN if kind in given]
        if len(kinds) != 1:
            raise _Mistake(node, f"the test {name!r} needs one of {_or(_GIVEN)}", "events: [{…}]")
        if "expect" not in given and "never" not in given:
            raise _Mistake(node, f"the test {name!r} expects nothing", "expect: [NAME OF A RULE], or expect: none")
        others = self._flag(given, "others") if "others" in given else "expect" not in given
        return Case(
            name=name,
            source=self._text(given, "source") or source,
            records=tuple(self._records(given.get("events"))),
            capture=self._part(given),
            command=tuple(self._texts(given.get("command"), "command")),
            expected=tuple(self._expected(given.get("expect"))),
            never=tuple(self._texts(given.get("never"), "never")),
            others=others,
            each=self._flag(given, "each"),
            looked_up=self._object(given.get("looked_up"), "looked_up"),
            spot=Spot(self._file, place_of(node)),
        )

    def _part(self, given: YamlMap) -> Part | None:
        capture = self._text(given, "capture")
        for key in ("from", "to"):
            if key in given and capture is None:
                raise _Mistake(given.get(key), f"'{key}' is for captures", "name a capture, or remove it")
        if capture is None:
            return None
        return Part(str(self._folder / capture), self._text(given, "from"), self._text(given, "to"))

    def _records(self, node: Node | None) -> Iterator[bytes]:
        """Yield the records of a list, or those of a file that is named instead."""
        if node is None:
            return
        if isinstance(node, ScalarNode) and node.value:
            path = str(self._folder / node.value)
            try:
                content = read_regular(path, LARGEST)
            except OSError as error:
                raise _Mistake(node, f"{path} cannot be read: {error.strerror}", "name a file of records") from None
            yield from (line for line in content.splitlines() if line.strip())
            return
        if not isinstance(node, SequenceNode) or not node.value:
            raise _Mistake(node, "expected a list of events, or a file with one on each line", "events: [{…}]")
        for item in node.value:
            data = self._value(item)
            if isinstance(data, dict):
                data = self._base | data
            yield data.encode() if isinstance(data, str) else json.dumps(data).encode()

    def _expected(self, node: Node | None) -> Iterator[Expected]:
        if node is None or (isinstance(node, ScalarNode) and node.value == "none"):
            return
        for item in node.value if isinstance(node, SequenceNode) else [node]:
            spot = Spot(self._file, place_of(item))
            if isinstance(item, ScalarNode):
                yield Expected(item.value, {}, None, spot)
                continue
            given = self._map(item, _EXPECT_KEYS, "rule, fields and output")
            name, fields = self._text(given, "rule"), given.get("fields")
            if not name:
                raise _Mistake(item, "which rule has to fire is not said", "rule: NAME")
            if fields is not None and not isinstance(fields, MappingNode):
                raise _Mistake(fields, "expected fields with their values", "fields: {proc.name: cat}")
            yield Expected(name, self._value(fields) if fields is not None else {}, self._text(given, "output"), spot)

    def _object(self, node: Node | None, key: str) -> dict[str, Any]:
        if node is not None and not isinstance(node, MappingNode):
            raise _Mistake(node, f"'{key}' has to be a map")
        found: dict[str, Any] = {} if node is None else self._value(node)
        return found

    def _value(self, node: Node) -> Any:
        try:
            return self._budget.value(node)
        except ValueMistake as error:
            raise _Mistake(error.node, str(error), error.hint) from None

    def _text(self, given: YamlMap, key: str) -> str | None:
        node = given.get(key)
        if node is None:
            return None
        if not isinstance(node, ScalarNode):
            raise _Mistake(node, f"'{key}' has to be a text")
        text: str = node.value
        return text

    def _texts(self, node: Node | None, key: str) -> list[str]:
        if node is None:
            return []
        items = node.value if isinstance(node, SequenceNode) else [node]
        for item in items:
            if not isinstance(item, ScalarNode) or not item.value:
                self._refuse(item, f"'{key}' has to be a list of texts")
        return [item.value for item in items]

    def _flag(self, given: YamlMap, key: str) -> bool:
        text = self._text(given, key)
        found = to_bool(text) if text is not None else False
        if found is None:
            raise _Mistake(given.get(key), f"'{key}' has to be true or false")
        return found

    def _refuse(self, node: Node, said: str) -> NoReturn:
        raise _Mistake(node, said)


def _or(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}"
