"""The agent notices that system calls do not arrive any more, says what it seems to be, and loads the probe anew."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import struct
import subprocess
import time
from pathlib import Path

import pytest

from falcohost_syscall.records.record import STAGE_SUBMIT

RULES = """
- rule: Shadow read
  desc: Somebody has read the file.
  condition: evt.type in (open, openat) and fd.name = /etc/shadow and proc.name = sentinel-cat
  output: read
  priority: WARNING
- rule: Anything of the agent
  desc: Its own calls are no events, also that which others may be seen to make.
  condition: evt.type = sched_getparam
  output: call | %proc.pid
  priority: WARNING
"""

MISSING = "Falcohost internal: events do not arrive"
TAMPERED = "Falcohost internal: agent tampered with"
_NAME = slice(24, 40)  # of struct bpf_map_info


@pytest.fixture(scope="module")
def agent(start_agent, open_folder):
    """Return an agent."""
    rules = open_folder / "sentinel.yaml"
    rules.write_text(RULES)
    return start_agent(rules)


def map_of(pid: int, name: str) -> int:
    """Return the descriptor of a process's BPF map, which root can get by its number."""
    libbpf = ctypes.CDLL("libbpf.so.1")
    numbers = set()
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):  # it has been closed
            numbers |= {int(found) for found in re.findall(r"^map_id:\s*(\d+)", info.read_text(), re.MULTILINE)}
    for number in numbers:
        descriptor = libbpf.bpf_map_get_fd_by_id(number)
        info = ctypes.create_string_buffer(88)
        libbpf.bpf_obj_get_info_by_fd(descriptor, info, ctypes.byref(ctypes.c_uint32(88)))
        if info.raw[_NAME].rstrip(b"\0").decode() == name:
            return descriptor
    raise LookupError(name)


def read(folder: Path) -> None:
    """Have a program of its own name read the file."""
    program = folder / "sentinel-cat"
    shutil.copy("/bin/cat", program)
    subprocess.run([program, "/etc/shadow"], check=True, stdout=subprocess.DEVNULL)


def test_a_stage_that_somebody_has_taken_away(agent, open_folder):
    """No event would arrive any more: an alert comes of the changed map, or of the missing calls, and soon they do."""
    place = struct.pack("=I", STAGE_SUBMIT)
    assert 0 == ctypes.CDLL("libbpf.so.1").bpf_map_delete_elem(map_of(agent.process.pid, "stages"), place)
    alert = agent.wait_for(lambda alert: alert["rule"] in (MISSING, TAMPERED))

    assert "Critical" == alert["priority"]
    if alert["rule"] == MISSING:
        assert "the probe sees calls and sends nothing: its filters or programs were changed" in alert["output"]
        agent.wait_for(lambda alert: alert["rule"] == "Falcohost internal: events arrive again")
    agent.wait_for_log(lambda log: "Event source 'syscall' is open again" in log)
    read(open_folder)
    agent.wait_for(lambda alert: alert["rule"] == "Shadow read")


def test_sentinels_are_no_events(agent):
    """Rules get the calls of others, and not those that the agent makes each second."""
    for count in range(1, 4):
        os.sched_getparam(0)
        agent.wait_for(lambda _, count=count: callers(agent).count(os.getpid()) == count)
        time.sleep(0.7)

    assert {os.getpid()} == {pid for pid in callers(agent) if pid in (agent.process.pid, os.getpid())}


def callers(agent) -> list[int]:
    """Return the processes about whose calls there are alerts."""
    rule = "Anything of the agent"
    return [alert["output_fields"]["proc.pid"] for alert in agent.alerts if alert["rule"] == rule]
