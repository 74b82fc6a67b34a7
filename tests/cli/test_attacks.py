"""What whoever has taken over a worker can try with the system calls that it may make: other processes and their files.

What it may not call at all ends it, as tests/host/confine/test_seccomp.py shows.
"""

import os
import re

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.waiting import wait_until

#: What is tried, by what it would give; ``agent`` and ``other`` are processes, ``folder`` is that of the agent.
ATTACKS = {
    "password hashes": "open('/etc/shadow').read()",
    "password hashes by a descriptor": "open(f'/proc/self/fd/{os.open(\"/etc/shadow\", os.O_PATH)}').read()",
    "memory of the supervisor": "open(f'/proc/{agent}/mem', 'rb').read(1)[0]",
    "memory of another worker": "open(f'/proc/{other}/mem', 'rb').read(1)[0]",
    "addresses of another worker": "open(f'/proc/{other}/maps').read(1)[0]",
    "environment of the supervisor": "open(f'/proc/{agent}/environ').read(1)[0]",
    "descriptors of the supervisor": "os.listdir(f'/proc/{agent}/fd')",
    "descriptors of another worker": "os.listdir(f'/proc/{other}/fd')",
    "settings of another worker": "open(f'/proc/{other}/fd/3', 'rb').read(1)[0]",
    "program of the supervisor": "os.readlink(f'/proc/{agent}/exe')",
    "list of the state directory": "os.listdir(f'{folder}/state')",
    "alerts": "open(f'{folder}/state/state.db', 'rb').read(1)[0]",
    "control socket": "os.stat(f'{folder}/state/agent.sock')",
    "log of the kernel": "open('/dev/kmsg', 'rb').read(1)[0]",
    "own memory, to write code": "os.pwrite(os.open('/proc/self/mem', os.O_RDONLY), b'x', id(agent))",
    "forged credentials": "socket.socketpair()[0].sendmsg([b'x'], [(1, 2, struct.pack('3i', agent, 0, 0))])",
}

#: What only those get who do not say what they need.
OF_THE_GENEROUS = {
    "accounts": "open('/etc/passwd').read(1)[0]",
    "list of processes": "os.listdir('/proc')",
}

CODE = """
if number == 2:
    import errno, logging, os, socket, struct
    agent, folder, other = os.getppid(), {folder!r}, None
    for other in range(agent + 1, agent + 20000):
        if other != os.getpid() and os.path.exists(f"/proc/{{other}}"):
            break
    os.write(2, b"forged: a line of the log\\n")
    for name, attack in {attacks!r}.items():
        try:
            eval(attack)
            found = "works"
        except OSError as error:
            found = errno.errorcode[error.errno]
        except IndexError:
            found = "nothing"
        logging.getLogger("attack").warning("tried: %s: %s", name, found)
    logging.getLogger("attack").warning("tried: all")
"""


@pytest.fixture(scope="module")
def tried(module_home):
    """Return the outcomes of all attacks by a source that says it needs nothing and by one that says nothing."""
    if os.geteuid() != 0:
        skip_or_fail("root", "only an agent of root has users to give")
    code = CODE.format(folder=str(module_home.folder), attacks=ATTACKS | OF_THE_GENEROUS)
    command = module_home.setup("json_output: true", numbers={"runs": code, "needs": []}, others={"runs": code})
    running = module_home.agent(*command)
    wait_until(lambda: running.stderr.count("tried: all") == 2, lambda: running.stderr)
    found = {"numbers": {}, "others": {}}
    for source, name, outcome in re.findall(r"(numbers|others): tried: (.+): (\w+)$", running.stderr, re.MULTILINE):
        found[source][name] = outcome
    assert running.end() == 0
    return found, running.stderr


@pytest.mark.parametrize("name", ATTACKS)
def test_what_nobody_gets(tried, name):
    """Neither the permissions of files nor Landlock let the user of a worker have it."""
    found, _ = tried

    outcomes = {found[source][name] for source in found}
    assert outcomes <= {"EACCES", "EPERM", "EBADF", "nothing"}  # the other process may be a thread of the kernel


@pytest.mark.parametrize("name", OF_THE_GENEROUS)
def test_what_only_those_get_who_say_nothing(tried, name):
    """A source that says what it needs opens nothing else."""
    found, _ = tried

    assert ("EACCES", "works") == (found["numbers"][name], found["others"][name])


def test_forged_lines(tried):
    """No worker writes to the agent's log by itself."""
    _, log = tried

    assert "forged: a line" not in log
