"""``falcohost stats --cost`` beside a driver that has programs in the kernel: what each of them takes."""

import contextlib
import json
import os
import threading

import pytest

from falcohost.testing.cli import run_cli

RULES = """
- rule: Marked
  desc: A marked file is opened.
  condition: evt.type in (open, openat) and fd.name startswith {folder}/mark-
  output: marked (file=%fd.name)
  priority: NOTICE
"""


@contextlib.contextmanager
def opening(path):
    """Open a file again and again meanwhile."""
    end = threading.Event()

    def load():
        while not end.wait(0.001):
            os.close(os.open(path, os.O_RDONLY))

    thread = threading.Thread(target=load)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def test_programs_are_measured(start_agent, open_folder, driver):
    """Each program that ran has its share of a core, the dearest first, only while somebody asks for costs."""
    if driver == "kmod":
        pytest.skip("this driver has no programs")
    folder = open_folder / "costs"
    folder.mkdir()
    (folder / "rules.yaml").write_text(RULES.format(folder=folder))
    agent = start_agent(folder / "rules.yaml")

    def stats(*arguments):
        state = ("--state-dir", str(agent.folder / "state"))
        done = run_cli("stats", *state, *arguments, folder=folder, environment=dict(os.environ))
        assert "" == done.stderr
        return done.stdout

    with opening(folder / "rules.yaml"):
        found = json.loads(stats("--cost", "1", "--json"))["programs"]
        text = stats("--cost", "1")

    assert max(one["runs"] for one in found) > 100
    assert found == sorted(found, key=lambda one: -one["ns"])
    assert all(0 < one["ns"] / one["runs"] < 1e7 and 0.9 < one["seconds"] < 60 for one in found)
    assert "program in the kernel" in text
    assert [] == json.loads(stats("--json"))["programs"]
