"""New rules that take more of the probe: that is loaded before they count, and what the old ones want goes on."""

import os
import signal
import subprocess
import sys
import threading

from falcohost.testing.agent import Agent
from falcohost.testing.waiting import wait_until
from falcohost_syscall.drivers.modern_ebpf.forms import needs_older
from falcohost_syscall.drivers.modern_ebpf.loading import URING
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import Kernel

#: Takes no part of the probe that may be missing.
MARK = """
- rule: Mark
  desc: A folder that is not there is gone to.
  condition: evt.type = chdir and evt.arg.path startswith "{folder}/mark-"
  output: mark (path=%evt.arg.path)
  priority: NOTICE
"""

MORE = """
- rule: Opened
  desc: A file is opened.
  condition: evt.type in (open, openat, openat2) and fd.name startswith "{folder}/work" and fd.name endswith "/file"
  output: opened (file=%fd.name)
  priority: NOTICE

- rule: Executed
  desc: A program is executed.
  condition: evt.type = execve and evt.arg.res = 0 and proc.cmdline contains "part-executed"
  output: executed (%proc.cmdline)
  priority: NOTICE

- rule: Ended
  desc: A process ends.
  condition: evt.type = procexit and proc.cmdline contains "part-executed"
  output: ended (%proc.cmdline)
  priority: NOTICE

- rule: Named
  desc: A thread is given a name.
  condition: evt.type = prctl and proc.cmdline contains "part-executed"
  output: named (%proc.cmdline)
  priority: NOTICE

- rule: Sent
  desc: Messages are sent.
  condition: evt.type = sendmmsg and proc.cmdline contains "part-executed"
  output: sent (%proc.cmdline)
  priority: NOTICE

- rule: Killed
  desc: A signal is delivered.
  condition: evt.type = signaldeliver and proc.cmdline contains "part-executed"
  output: killed (%proc.cmdline)
  priority: NOTICE
"""
#: Does what MORE asks for, but for opening the file.
PROGRAM = """
import ctypes, os, signal, socket
libc = ctypes.CDLL(None)
libc.prctl(15, b"part", 0, 0, 0)
one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
text = ctypes.create_string_buffer(b"part", 4)
vector = (ctypes.c_void_p * 2)(ctypes.addressof(text), 4)
message = (ctypes.c_void_p * 8)(None, None, ctypes.addressof(vector), 1, None, None, None, None)
assert libc.sendmmsg(one.fileno(), message, 1, 0) == 1
signal.signal(signal.SIGUSR1, lambda *_: None)
os.kill(os.getpid(), signal.SIGUSR1)
"""
USES = "now uses the new rules"
SETTINGS = {"watch_config_files": False, "falcohost": {"fold": {"enabled": False}}}


class Marks:
    """Goes to folders that are not there, one after the other, until it is ended."""

    def __init__(self, folder):
        self.made = 0
        self._folder, self._ends = folder, threading.Event()
        self._thread = threading.Thread(target=self._make)
        self._thread.start()

    def _make(self):
        while not self._ends.wait(0.001):
            try:
                os.chdir(f"{self._folder}/mark-{self.made}")
            except FileNotFoundError:
                self.made += 1

    def end(self):
        """End it."""
        self._ends.set()
        self._thread.join()


def reload(agent, rules, text):
    """Have the agent use these rules."""
    before = agent.log.count(USES)
    rules.write_text(text)
    agent.process.send_signal(signal.SIGHUP)
    agent.wait_for_log(lambda log: log.count(USES) > before)


def sees_requests():
    """Return whether requests of io_uring are events on this kernel."""
    library = Library()
    return not needs_older(library) and all(map(Kernel(library).has_tracepoint, URING.values()))


def work(agent, program, folder):
    """Do what the rules ask for, and wait until each says so."""
    before = len(agent.alerts)
    subprocess.run([sys.executable, "-c", PROGRAM, "part-executed"], check=True)
    if sees_requests():
        subprocess.run([program, folder], check=True)  # opens the file by io_uring
    else:
        (folder / "file").touch()
    wanted = {"Opened", "Executed", "Ended", "Named", "Sent", "Killed"}

    def told():
        return {alert["rule"] for alert in agent.alerts[before:]}

    wait_until(lambda: wanted <= told(), lambda: f"{wanted - told()} is missing: {agent.log}")


def test_rules_that_take_more(tmp_path, bpf, compiled):
    """The first rules take no part; those after them take most, twice; those want nothing twice that all want."""
    program = compiled("requests.c", "evasion/ring.c")
    mark, more = MARK.format(folder=tmp_path), MORE.format(folder=tmp_path)
    rules = tmp_path / "rules.yaml"
    rules.write_text(mark)
    agent = Agent(tmp_path, [rules], settings=SETTINGS)
    try:
        agent.wait_until_ready()
        marks = Marks(tmp_path)
        try:
            for number in range(2):
                reload(agent, rules, mark + more)
                folder = tmp_path / f"work{number}"
                folder.mkdir()
                work(agent, program, folder)
                reload(agent, rules, mark)
        finally:
            marks.end()
        last = f"{tmp_path}/mark-{marks.made - 1}"
        agent.wait_for(lambda alert: alert["output_fields"].get("evt.arg.path") == last)
        assert agent.stop() == 0
    finally:
        agent.kill()

    seen = [alert["output_fields"]["evt.arg.path"] for alert in agent.alerts if alert["rule"] == "Mark"]
    assert [f"{tmp_path}/mark-{number}" for number in range(marks.made)] == seen
