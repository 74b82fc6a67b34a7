"""Runs the commands in the pages below, and writes their output below each.

A code block after a file's name is that file; ``work.scap`` is a capture that :mod:`example_capture` makes. A line
after a ``$`` in a ``console`` block is a command.
script/docs runs this, and tests/test_docs.py compares, so the page is never out of date.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

from falcohost.testing.cli import run_cli

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import example_capture  # noqa: E402

PAGES = (HERE / "rules.md", HERE / "captures.md", HERE / "lint.md", HERE / "rule-tests.md")
_FILE = re.compile(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TIMED = re.compile(r"^  .* \d+ +\d+ +\d+ +\d+ +\d+$(?:\n  .* \d+ +\d+ +\d+ +\d+ +\d+$)*", re.MULTILINE)
_SECONDS = re.compile(r" in \d+\.\d s$", re.MULTILINE)
_CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def renewed(text: str) -> str:
    """Return the page *text* with the current output of its commands."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in _FILE.findall(text):
            (Path(folder) / name).write_text(content)
        example_capture.make(Path(folder) / "work.scap")
        return _CONSOLE.sub(lambda block: f"```console\n{_block(block[1], folder)}```", text)


def without_times(text: str) -> str:
    """Return *text* without measured times, and with the lines that had them sorted, since both differ in each run."""
    return _TIMED.sub(
        lambda lines: "\n".join(sorted(re.sub(r" +\d+ +\d+$", "", lines[0], flags=re.MULTILINE).split("\n"))),
        _SECONDS.sub("", text),
    )


def _block(shown: str, folder: str) -> str:
    commands = [line for line in shown.splitlines() if line.startswith("$ ")]
    return "".join(f"{command}\n{_output(command[2:], folder)}" for command in commands)


def _output(command: str, folder: str) -> str:
    program, *arguments = shlex.split(command)
    if program != "falcohost":
        raise ValueError(f"{program} is not falcohost")
    done = run_cli(*arguments, folder=Path(folder), environment=os.environ | {"COLUMNS": "100", "TZ": "UTC"})
    printed = done.stdout if done.returncode == 0 else done.stderr or done.stdout
    return "\n".join(line.rstrip() for line in printed.rstrip("\n").splitlines()) + "\n"


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(renewed(page.read_text()))
