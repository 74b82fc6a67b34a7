"""falcohost's own messages have Falco's form."""

import logging
import subprocess
import sys

import pytest

from falcohost.log import _severity

PROGRAM = """
from falcohost import log
log.configure(log.LogConfig({stderr}, False, "{level}", {iso}))
log.log.log(log.NOTICE, "%s", {text!r})
log.log.info("info")
log.log.debug("debug")
"""


@pytest.fixture
def logged():
    """Return a function that logs three messages in a process of its own and returns what came out."""

    def logged(*, stderr=True, level="info", iso=False, text="notice"):
        program = PROGRAM.format(stderr=stderr, level=level, iso=iso, text=text)
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr

    return logged


def test_falcos_time(logged):
    """A line begins with weekday, month, day, time and year."""
    for line, text in zip(logged().splitlines(), ("notice", "info"), strict=True):
        assert line.endswith(f": {text}")
        assert len(line.removesuffix(f": {text}").split()) == 5


def test_iso_time(logged):
    """With time_format_iso_8601 the time is ISO 8601 in UTC."""
    assert "+0000: notice\n" in logged(iso=True)


@pytest.mark.parametrize(
    ("level", "texts"), [("debug", ["notice", "info", "debug"]), ("notice", ["notice"]), ("warning", [])]
)
def test_levels(logged, level, texts):
    """Messages less severe than the level are not logged."""
    assert [line.rsplit(" ", 1)[1] for line in logged(level=level).splitlines()] == texts


def test_a_message_cannot_forge_another(logged):
    """Further lines of a message are indented, and controls of a terminal are replaced."""
    first, second, _ = logged(text="opened a\nWed Nov 25 12:35:02 2026: \x1b[2Jall is well").splitlines()

    assert first.endswith(": opened a")
    assert "    Wed Nov 25 12:35:02 2026: \ufffd[2Jall is well" == second


def test_silence(logged):
    """With log_stderr off nothing is written there."""
    assert logged(stderr=False) == ""


def test_syslog_severities():
    """Each level has syslog's number."""
    levels = (70, 60, logging.CRITICAL, logging.ERROR, logging.WARNING, 25, logging.INFO, logging.DEBUG)

    assert [_severity(level) for level in levels] == list(range(8))
