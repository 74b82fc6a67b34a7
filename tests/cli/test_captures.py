"""``falcohost run FILE.scap``: alerts of a capture on the terminal, without configuration and without root."""

from __future__ import annotations

import pytest
from workload import captures

RULES = """
- rule: Opened
  desc: A test.
  condition: evt.type = open and fd.name startswith /etc
  output: opened (file=%fd.name process=%proc.name number=%evt.num)
  priority: NOTICE
"""
LISTED = captures.block(captures.PROCESSES, captures.thread(7, 7, 1, b"bash", exe=b"bash"))


@pytest.fixture
def capture(tmp_path):
    """Return a capture with two opens, a minute apart."""
    path = tmp_path / "two ${x}.scap"
    path.write_bytes(captures.section() + LISTED + b"".join(
        captures.at(captures.TS + number * 60_000_000_000, captures.event("open", 7, fd=3, name=name, flags=1, mode=0))
        for number, name in enumerate((b"/etc/first", b"/etc/second"))
    ))  # fmt: skip
    (tmp_path / "rules.yaml").write_text(RULES)
    return path


@pytest.fixture
def alerts(program):
    """Return a function that runs the program and returns the messages of its alerts, without what is appended."""

    def alerts(*arguments):
        done = program("run", *map(str, arguments))
        assert 0 == done.returncode, done.stderr
        return [line.partition(": Notice ")[2].partition(" container_id")[0] for line in done.stdout.splitlines()]

    return alerts


def test_a_capture(alerts, capture):
    """The alerts of a capture are printed, and the run ends with it."""
    assert [
        "opened (file=/etc/first process=bash number=1)",
        "opened (file=/etc/second process=bash number=2)",
    ] == alerts("-r", capture.parent / "rules.yaml", capture)


def test_a_part_of_a_capture(alerts, capture):
    """--from and --to choose a part; the numbers of events stay what they are."""
    assert ["opened (file=/etc/second process=bash number=2)"] == alerts(
        "-r", capture.parent / "rules.yaml", "--from", "+30s", "--to", "+2m", capture
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("FILE", "FILE"), "a capture is read alone; name one file"),
        (("--from", "+1s"), "--from and --to are for captures (.scap)"),
        (("--from", "soon", "FILE"), "expected a time such as 2026-11-28T08:14:00 or +90s, not 'soon'"),
    ],
)
def test_what_makes_no_sense(program, capture, arguments, problem):
    """Two captures, times without a capture, and what is no time are refused."""
    done = program("run", *(str(capture) if word == "FILE" else word for word in arguments))

    assert 1 == done.returncode
    assert problem in done.stderr
