"""Writes the result of rule tests as a JUnit report, which CI systems show."""

from __future__ import annotations

import os
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from falcohost.cli.rules_test_run import Outcome
from falcohost.engine.texts import printable, printable_lines
from falcohost.errors import ConfigError
from falcohost.ruletests.verdicts import Verdict


def write_junit(path: Path, outcome: Outcome) -> None:
    """Write the report to *path*: to a file in whole or not at all.

    :raises ConfigError: it cannot be written.
    """
    files: dict[str, list[Verdict]] = {}
    for verdict in outcome.verdicts:
        files.setdefault(verdict.file, []).append(verdict)
    text = ['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>"]
    for file, verdicts in files.items():
        text += _suite(file, verdicts)
    text += ["</testsuites>", ""]
    content = "\n".join(text)
    try:
        if path.exists() and not path.is_file():  # a device or a pipe must not become a file
            path.write_text(content, encoding="utf-8", errors="replace")
        else:
            _replace(path.resolve(), content)
    except OSError as error:
        raise ConfigError(f"the report {path} cannot be written: {error.strerror}") from None


def _replace(path: Path, content: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(content, encoding="utf-8", errors="replace")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _suite(file: str, verdicts: list[Verdict]) -> list[str]:
    failed, skipped = sum(not one.passed for one in verdicts), sum(bool(one.skipped) for one in verdicts)
    seconds = sum(one.seconds for one in verdicts)
    head = f'tests="{len(verdicts)}" failures="{failed}" skipped="{skipped}" time="{seconds:.3f}"'
    lines = [f"<testsuite name={_attribute(file)} {head}>"]
    for one in verdicts:
        begin = f'<testcase name={_attribute(one.name)} classname={_attribute(file)} time="{one.seconds:.3f}"'
        if one.skipped:
            lines.append(f"{begin}><skipped message={_attribute(one.skipped)}/></testcase>")
        elif one.passed:
            lines.append(f"{begin}/>")
        else:
            said = "\n".join(f"{difference.said} ({difference.where})" for difference in one.differences)
            first = _attribute(one.differences[0].said.splitlines()[0])
            lines.append(f"{begin}><failure message={first}>{escape(printable_lines(said))}</failure></testcase>")
    return [*lines, "</testsuite>"]


def _attribute(text: str) -> str:
    return quoteattr(printable(text))
