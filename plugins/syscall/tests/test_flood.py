"""A flood of matching calls on all processors: it is counted, and the alerts of other rules still come in time."""

import itertools
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

RULES = """
- rule: Flood
  desc: The flooded file is opened.
  condition: evt.type in (open, openat) and fd.name startswith "{folder}/flooded"
  output: flooded | file=%fd.name process=%proc.name command=%proc.cmdline user=%user.name
  priority: NOTICE

- rule: Other file
  desc: Another file is opened.
  condition: evt.type in (open, openat) and fd.name startswith "{folder}/other-"
  output: other file | file=%fd.name
  priority: NOTICE

- rule: Other program
  desc: A program is started.
  condition: evt.type = execve and proc.exepath startswith "{folder}/program"
  output: other program | file=%proc.exepath arguments=%proc.args
  priority: NOTICE
"""

#: For how long the flood lasts; 60 in the long run.
SECONDS = int(os.environ.get("FALCOHOST_FLOOD_SECONDS", "10"))

#: Seconds that the alert of another rule may take.
LIMIT = 1

#: What else runs on the machine may keep the agent from running for a second: so often a flood is tried.
ATTEMPTS = 3

#: Alerts of one rule in a window of ten seconds that are not folded, of one process and of all together.
MOST_OF_ONE, MOST_OF_ALL = 1000, 10_000

#: Seconds between two events of other rules: 5, and 20 in the long run.
PAUSE = min(3.0, SECONDS / 5)


@pytest.fixture(scope="module")
def flood(compiled):
    """Return the program that floods."""
    return compiled("flood.c")


@pytest.fixture
def agent(start_agent, tmp_path):
    """Return an agent with the rules."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.format(folder=tmp_path))
    shutil.copy("/bin/true", tmp_path / "program")
    (tmp_path / "flooded").touch()
    agent = start_agent(rules)
    yield agent
    agent.kill()


def memory(pids):
    """Return the resident memory of all of them, in MiB."""
    status = "".join(Path(f"/proc/{pid}/status").read_text() for pid in pids)
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def cpu(pids):
    """Return the CPU time that all of them have used, in seconds."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(words[11]) + int(words[12]) for words in stats) / os.sysconf("SC_CLK_TCK")


def seconds_until_alerts(agent, folder, number):
    """Open another file and start another program; return after how many seconds each alerts, infinity for not."""
    wanted = {"Other file": f"file={folder}/other-{number}", "Other program": f"arguments={number}"}
    late = dict.fromkeys(wanted, float("inf"))
    begun, alerts = time.monotonic(), agent.follow(PAUSE)
    with pytest.raises(FileNotFoundError):
        os.open(f"{folder}/other-{number}", os.O_RDONLY)
    subprocess.run([folder / "program", str(number)], check=True)
    for alert in alerts:
        rule = alert["rule"]
        if rule in wanted and alert["output"].endswith(wanted[rule]):
            late[rule] = time.monotonic() - begun
        if max(late.values()) < float("inf"):
            break
    return late


def watch(agent, folder, numbers, pids):
    """Return after how many seconds each other event of a flood alerts, and the agent's most memory meanwhile."""
    late, most, end = [], 0.0, time.monotonic() + SECONDS
    while (now := time.monotonic()) < end - 1:
        late += seconds_until_alerts(agent, folder, next(numbers)).values()
        most = max(most, memory(pids))
        time.sleep(max(0.0, now + PAUSE - time.monotonic()))
    return late, most


def lost(log):
    """Return how many events the agent says that it has lost: of those who flood, and of all."""
    return sum(map(int, re.findall(r"\bflood: (\d+)", log))), max(
        map(int, re.findall(r"; (\d+) so far", log)), default=0
    )


@pytest.mark.parametrize(
    ("how", "most_told"),
    [([], MOST_OF_ONE * os.cpu_count()), (["different"], MOST_OF_ONE * os.cpu_count()), (["forks"], MOST_OF_ALL)],
    ids=["one file", "different files", "many processes"],
)
def test_other_rules_alert_in_time(agent, flood, children, tmp_path, how, most_told):
    """Each other open and each program that starts during a flood of opens alerts in time.

    Each open of the flood is counted, in few alerts or as lost, and the agent does not grow.
    """
    pids = [agent.process.pid, *children(agent.process.pid)]
    before, used, begun, opens, numbers = memory(pids), cpu(pids), time.monotonic(), 0, itertools.count()
    for _ in range(ATTEMPTS):
        running = subprocess.Popen([flood, str(SECONDS), tmp_path / "flooded", *how], stdout=subprocess.PIPE)
        late, most = watch(agent, tmp_path, numbers, pids)
        opens += sum(map(int, running.communicate()[0].split()))
        if max(late) < LIMIT:
            break
    seconds, used = time.monotonic() - begun, cpu(pids) - used
    assert agent.stop() == 0

    told = [alert for alert in agent.alerts if alert["rule"] == "Flood"]
    count = sum(alert["output_fields"].get("falcohost.count", 1) for alert in told)
    flooding, everything = lost(agent.log)
    print(f"{opens} opens, {len(told)} alerts about {count}, {flooding} lost of {everything}")
    print(f"{before:.0f} to {most:.0f} MiB, {used / seconds:.2f} of a core")
    print("seconds until other alerts:", *(f"{each:.2f}" for each in late))

    assert [] == [each for each in late if each >= LIMIT]
    assert count + flooding <= opens <= count + everything  # others on this machine may lose something too
    assert len(told) <= most_told * 1.02 * (seconds // 10 + 2)  # and the alerts that count
    assert most < before + 32
