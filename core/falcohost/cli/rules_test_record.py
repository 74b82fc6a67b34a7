"""``falcohost rules test --record``: writes what a command causes as a test that passes offline."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from falcohost.cli.flags import Flags
from falcohost.cli.rules_files import load, load_configured
from falcohost.cli.rules_test_live import live
from falcohost.engine.texts import printable
from falcohost.errors import ConfigError
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.ruletests.live import Seen
from falcohost.ruletests.probes import Probes
from falcohost.ruletests.reader import read_cases
from falcohost.ruletests.runner import Runner

#: Most events of a recorded test.
_MOST: Final = 500
#: How many events of a program are kept that the same check keeps from firing a rule.
_CLOSE: Final = 2
#: What differs in events that are the same to rules.
_PASSING: Final = frozenset({"time", "num", "pid", "tid", "vpid", "vtid", "start", "cpu", "usage", "ret", "others"})
_OF_PROCESSES: Final = ("name", "exepath", "args")
#: Parts that many events share, which are written once.
_SHARED: Final = frozenset({"process", "parent"})


def record_test(flags: Flags, name: str, command: tuple[str, ...], into: Path | None) -> None:
    """Run *command*, and write the test *name*.

    :raises ConfigError: it cannot be observed, caused nothing that rules ask for, or does not pass offline.
    """
    before = read_cases(str(into)) if into is not None and into.exists() else None
    if before is not None and any(case.name == name for case in before.cases):
        raise ConfigError(f"there is a test {name!r} in {into} already; remove it, or choose another name")
    rules = before.rules if before is not None else flags.rules
    loaded = load(flags, rules) if rules else load_configured(flags)
    runner = Runner(loaded)
    names = [rule.name for rule in runner.rules.values() if rule.source == DEFAULT_SOURCE]
    probes = Probes(loaded, names, runner.looked_up)
    status, seen = live(flags, runner, command, Path.cwd(), lambda views: probes.close(DEFAULT_SOURCE, views))
    kept = _kept(seen)
    if not kept:
        raise ConfigError(
            f"'{printable(command[0])}' has caused no event on which a rule fires, or would but for one check of its "
            "condition; so there is nothing to test"
        )
    fired = list(dict.fromkeys(rule for one in seen for rule in one.fired))
    text = "".join(f"{line}\n" for line in _test(name, command, kept, fired))
    _check(runner, text, fired)
    if into is None:
        click.echo(f"{_head(rules, Path.cwd())}{text}", nl=False)
    else:
        _write(into, text, rules)
    said = f"exit status {status}; {len(kept)} of {len(seen)} events kept; "
    click.echo(said + (f"fires: {', '.join(map(printable, fired))}" if fired else "no rule fires"), err=True)


def _kept(seen: Sequence[Seen]) -> list[Seen]:
    """Return the events on which rules fire, without those that are like an earlier one to rules; and close ones.

    Of those that a program causes, and that one check of a rule keeps from firing, the first few.

    :raises ConfigError: there are too many.
    """
    known, close, kept = set[str](), Counter[str](), list[Seen]()
    for one in seen:
        if one.fired:
            mark = json.dumps([_essence(one.written), one.fired], sort_keys=True)
            if mark in known:
                continue
            known.add(mark)
        else:
            program = one.written.get("process", {}).get("exepath", "")
            marks = [f"{program} {check}" for check in one.close]
            if all(close[mark] >= _CLOSE for mark in marks):
                continue
            close.update(marks)
        kept.append(one)
    if len(kept) > _MOST:
        raise ConfigError(
            f"the command causes {len(kept):,} different events; a test has at most {_MOST}: do less in it"
        )
    return kept


def _essence(written: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in written.items() if key not in _PASSING}
    found["failed"] = isinstance(written.get("ret"), int) and written["ret"] < 0
    found["process"] = list(_programs(written.get("process")))
    return found


def _programs(process: Any) -> Iterator[list[Any]]:
    while isinstance(process, Mapping):
        yield [process.get(key) for key in _OF_PROCESSES]
        process = process.get("parent")


def _test(name: str, command: Iterable[str], kept: Iterable[Seen], fired: Sequence[str]) -> Iterator[str]:
    shared = _Shared()
    yield f"# Recorded from: {' '.join(map(printable, command))}"
    yield f"- name: {_scalar(name)}"
    yield f"  source: {DEFAULT_SOURCE}"
    yield "  events:"
    for one in kept:
        yield f"  - {shared.text(one.written)}"
    yield f"  expect: {'[' + ', '.join(map(_scalar, fired)) + ']' if fired else 'none'}"


class _Shared:
    """Writes values in YAML's flow style; a process that was written before is named by its anchor."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._of = secrets.token_hex(3)

    def text(self, value: Any, key: str = "") -> str:
        """Return *value*, which is at *key*."""
        if isinstance(value, Mapping):
            if key not in _SHARED:
                return self._map(value)
            mark = json.dumps(value, sort_keys=True)
            if mark in self._names:
                return f"*{self._names[mark]}"
            inner = self._map(value)
            self._names[mark] = name = f"p{self._of}-{len(self._names) + 1}"
            return f"&{name} {inner}"
        if isinstance(value, (list, tuple)):
            return f"[{', '.join(self.text(item) for item in value)}]"
        return _scalar(value) if isinstance(value, str) else json.dumps(value)

    def _map(self, value: Mapping[str, Any]) -> str:
        return f"{{{', '.join(f'{_scalar(key)}: {self.text(item, key)}' for key, item in value.items())}}}"


def _scalar(text: str) -> str:
    """Return *text* as YAML has it: plain where nothing in it means something, else quoted."""
    if text and text.replace("_", "").replace("/", "").isalpha() and text.isascii() and text.lower() not in _WORDS:
        return text
    # JSON is YAML, but for what is beyond the first plane: its pairs are none in YAML.
    return "".join(one if one.isprintable() else _escaped(one) for one in json.dumps(text, ensure_ascii=False))


_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n", "none"})


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _head(rules: Sequence[str], folder: Path) -> str:
    named = ", ".join(json.dumps(os.path.relpath(rule, folder)) for rule in rules)
    return f"rules: [{named}]\ntests:\n" if rules else "tests:\n"


def _check(runner: Runner, text: str, fired: Sequence[str]) -> None:
    """Check that the test passes offline, with what the live source saw.

    :raises ConfigError: it does not.
    """
    with tempfile.TemporaryDirectory(prefix="falcohost-test-") as folder:
        path = Path(folder) / "recorded_test.yaml"
        path.write_text(f"tests:\n{text}")
        (case,) = read_cases(str(path)).cases
        verdict = runner.run(case)
    if not verdict.passed:
        said = "; ".join(one.said for one in verdict.differences)
        was = ", ".join(fired) or "no rule"
        raise ConfigError(f"live fired {was}, but on what was recorded {said}; nothing is written")


def _write(into: Path, text: str, rules: Sequence[str]) -> None:
    """Add *text* to the file, in whole or not at all.

    :raises ConfigError: it cannot be written, or would not be a file of tests.
    """
    into = into.resolve()  # what a link names is replaced, not the link
    beside = into.with_name(f".{into.name}.{os.getpid()}")
    try:
        whole = into.read_text() if into.exists() else _head(rules, into.parent)
        beside.write_text(f"{whole}{'' if whole.endswith(chr(10)) else chr(10)}{text}")
        try:
            read_cases(str(beside))
        except Exception:
            told = f"the tests in {into} are not written as a list of lines at its end; nothing is added"
            raise ConfigError(told) from None
        beside.replace(into)
    except OSError as error:
        raise ConfigError(f"{into} cannot be written: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)
