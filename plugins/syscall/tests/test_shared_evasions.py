"""The techniques that are kept beside the repository are seen, by their own runner."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.agent import PROGRAM
from falcohost.testing.waiting import PATIENCE, SLOWNESS

SHARED = Path(__file__).resolve().parents[4] / "shared"

HASHES = "Password hashes read"
PLACED = "File that decides put in place"
IN_SHM = "Program in shared memory handed to another"
CONNECTED = "Interpreter led to a network connection"
#: By the beginning of its name: a rule that has to see it.
SEEN = {
    "02": "Password hashes read by a shell below a package manager",
    "07": "Private SSH key given another name",
    "11": "Program given capabilities",
    "13": "Scheduled job written",
    "15": PLACED,
    "16": PLACED,
    "18": "SSH keys of an account put in place",
    "20": "Folders of the dynamic linker changed",
    "21": PLACED,
    "26": "Library preloaded from a temporary folder",
    "29": "Program started through the dynamic linker",
    "30": IN_SHM,
    "32": IN_SHM,
    "37": "Server started an interpreter with a program as argument",
    "38": CONNECTED,
    "39": CONNECTED,
    "40": "Cloud credentials fetched from inside a container",
    "42": "Raw network traffic opened by an unusual program",
    "50": HASHES,
    "51": HASHES,
    "53": "Private SSH key read",
    "54": HASHES,
    "55": HASHES,
    "56": "Agent reached through the kernel",
    "58": "Environment of another process read by a program that is not installed",
    "59": "Password hashes handed to an editor",
}
#: Those that run always; the others have tests of their own, take a minute, or need what not every machine has.
ALWAYS = ("15", "16", "18", "21", "38", "39", "40", "42", "51", "56", "58")

# They were written for two agents of two processes each, and give their workers 45 s to come back.
_THEN_AND_NOW = (("len(pids) == 2 and ", ""), ("time.sleep(45)", "time.sleep(2)"), ("n == 2", "n >= 1"))
# How long the runner waits for the agent, for a technique, and for its alerts, and the agent for its source.
_WAITS = (
    ('{D}/state"', '{D}/state", "-o", "falcohost.source_timeout=%.0f"' % (60 * SLOWNESS)),
    ("range(300)", f"range({300 * SLOWNESS:.0f})"),
    ("timeout=60,", f"timeout={60 * SLOWNESS:.0f},"),
    ("time.sleep(.5)", f"time.sleep({SLOWNESS / 2})"),
)


@pytest.fixture(scope="module")
def rows(bpf, soak, tmp_path_factory):
    """Return what the runner says of each technique that it has run, by the beginning of its name."""
    if not (SHARED / "evasions" / "run.py").exists():
        skip_or_fail("evasions", f"there are no techniques in {SHARED / 'evasions'}")
    folder = tmp_path_factory.mktemp("evasions")
    for file in (SHARED / "evasions").iterdir():
        if file.is_file():
            text = file.read_text()
            for then, now in (*_THEN_AND_NOW, *(_WAITS if file.name == "run.py" else ())):
                text = text.replace(then, now)
            (folder / file.name).write_text(text)
    names = soak(tuple(SEEN), ALWAYS)
    command = [sys.executable, folder / "run.py", PROGRAM, SHARED, *names]
    limit = 10 * PATIENCE * SLOWNESS
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=limit, check=False)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(found) == len(names), done.stdout + done.stderr
    return {row["name"][:2]: row for row in found}


@pytest.mark.parametrize("name", SEEN)
def test_is_seen(rows, name):
    """The technique does what it sets out to do, and a rule sees it."""
    if name not in rows:
        pytest.skip("runs with --soak")
    if name == "56" and not shutil.which("bpftool"):
        skip_or_fail("bpftool", "bpftool is missing")

    assert rows[name]["deed"]
    assert SEEN[name] in rows[name]["told"]
