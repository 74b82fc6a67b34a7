"""A whole agent on a kernel without BTF: the types are hidden in a mount namespace of its own, and come from a file."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.testing import skip_or_fail
from falcohost.testing.agent import PROGRAM, Agent
from falcohost_syscall.drivers.modern_ebpf.forms import OLDER_OBJECTS
from falcohost_syscall.kernel import given_types

pytestmark = pytest.mark.skipif(os.uname().machine not in OLDER_OBJECTS, reason="made for x86-64 only")

HIDDEN = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
RULES = """
- rule: Marked
  desc: Somebody opened the marked file.
  condition: evt.type in (open, openat) and fd.name endswith /marked
  output: >
    name=%proc.name args=%proc.args parent=%proc.pname user=%user.uid container=%container.id cwd=%proc.cwd
    exe=%proc.exepath command=%proc.cmdline
  priority: NOTICE
"""


@pytest.fixture(scope="module")
def hiding(bpf):
    """Return a command that runs another one where the kernel does not describe its types."""
    if not (tool := shutil.which("unshare")):
        skip_or_fail("bpf", "unshare(1) is missing")
    if not given_types.has_own():
        return []
    command = [tool, "-m", "sh", "-c", HIDDEN, "sh"]
    if subprocess.run([*command, "true"], capture_output=True).returncode:
        skip_or_fail("bpf", "nothing can be mounted in a namespace")
    return command


@pytest.fixture(scope="module")
def types(tmp_path_factory):
    """Return a folder with this kernel's types, under the name of its release."""
    if not given_types.has_own():
        pytest.skip("this kernel has no BTF, whose copy would serve")
    folder = tmp_path_factory.mktemp("types")
    (folder / f"{os.uname().release}.btf").write_bytes(given_types.OWN.read_bytes())
    return folder


@pytest.fixture
def config(tmp_path):
    """Return a function that writes a configuration with a file of types."""

    def config(path: Path) -> Path:
        rules, file = tmp_path / "rules.yaml", tmp_path / "falco.yaml"
        rules.write_text(RULES)
        file.write_text(json.dumps({"rules_files": [str(rules)], "falcohost": {"btf": str(path)}}))
        return file

    return config


def doctor(hiding, file: Path) -> subprocess.CompletedProcess[str]:
    """Return what is checked before a start."""
    return subprocess.run([*hiding, PROGRAM, "-c", file, "doctor"], capture_output=True, text=True)


def test_processes_that_ran_before(hiding, types, container_cgroup, tmp_path):
    """An agent is ready, and tells of a process that ran before it started with all that it is."""
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "marked").write_text("")
    work = "import sys, os; os.setresuid(65534, 65534, 65534); print(flush=True); input(); open('marked')"
    work = f"import os; open('{container_cgroup}/cgroup.procs', 'w').write('0'); {work}"
    tmp_path.chmod(0o755)
    command = [sys.executable, "-c", work, "one", "two words"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=-1, stdout=-1, text=True) as process:
        process.stdout.readline()
        agent = Agent(tmp_path, [tmp_path / "rules.yaml"], settings={"falcohost": {"btf": str(types)}}, before=hiding)
        try:
            agent.wait_until_ready()
            process.stdin.write("\n")
            process.stdin.close()
            fields = agent.wait_for(lambda alert: alert["rule"] == "Marked")["output_fields"]
        finally:
            agent.kill()

    assert (Path(sys.executable).name[:15], 65534) == (fields["proc.name"], fields["user.uid"])
    assert fields["proc.args"].endswith(" one two words")
    assert Path("/proc/self/comm").read_text().strip() == fields["proc.pname"]
    assert container_cgroup.name[:12] == fields["container.id"]
    assert f"{tmp_path}/" == fields["proc.cwd"]
    assert os.path.realpath(sys.executable) == fields["proc.exepath"]
    assert 0 == process.returncode


def test_doctor(hiding, types, config, tmp_path):
    """What is checked before a start says which file serves, or how to get one."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.btf").write_text("This is no BTF, only a text.")

    name = f"{os.uname().release}.btf"
    assert f"ok    syscall: BTF, from {types / name}, since the kernel has none" in doctor(hiding, config(types)).stdout
    assert f"has no file {name}" in doctor(hiding, config(tmp_path / "empty")).stdout
    damaged = doctor(hiding, config(tmp_path / "text.btf"))
    assert (
        f"falcohost.btf: {tmp_path}/text.btf is no BTF that can be used: it does not begin as BTF does"
        in damaged.stdout
    )
    assert 1 == damaged.returncode
    assert "ok    syscall: BTF, the kernel's own" in doctor([], config(types)).stdout


def test_none(hiding, config, tmp_path):
    """Without a file, the agent does not start, and says what would mend it."""
    file = config(tmp_path / "none")
    text = json.loads(file.read_text()) | {"falcohost": {}}
    file.write_text(json.dumps(text))
    done = subprocess.run([*hiding, PROGRAM, "-U", "-c", file], capture_output=True, text=True, timeout=100)

    assert 0 != done.returncode
    assert "The kernel has no BTF" in done.stderr
    assert "falcohost.btf" in done.stderr and "engine.kind to ebpf" in done.stderr
