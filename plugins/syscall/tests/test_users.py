"""Users and groups of processes in a container come from its root, and those of others from the machine's files."""

from __future__ import annotations

import os
import secrets
import signal
import traceback

import pytest

from falcohost.testing.descendants import below
from falcohost.testing.waiting import wait_until

#: A user of the container, which the machine's files do not have.
UID = 48_123

RULES = """
- rule: Known
  desc: A user of the container opens the file.
  condition: evt.type in (open, openat, openat2) and fd.name endswith /falcohost-users and user.name = webby
  output: known | %evt.arg.name %user.name %user.homedir %user.shell %group.name %user.group %user.uid
  priority: NOTICE
- rule: Unknown
  desc: Somebody else does.
  condition: evt.type in (open, openat) and fd.name endswith /falcohost-users and not user.name in (webby, root)
  output: unknown | %evt.arg.name %user.name %user.homedir %user.shell %group.name
  priority: NOTICE
- rule: Root
  desc: Root does.
  condition: evt.type in (open, openat, openat2) and fd.name endswith /falcohost-users and user.name = root
  output: root | %evt.arg.name %user.name %user.homedir %user.shell %group.name
  priority: NOTICE
- rule: Helper
  desc: The agent's helper opens accounts, which is its job.
  condition: >
    evt.type in (open, openat, openat2) and proc.name startswith falcohost and not fd.name in (/etc/passwd, /etc/group)
    and (fd.name endswith /etc/passwd or fd.name endswith /etc/group or fd.name endswith /etc or fd.name endswith /root)
  output: helper | %proc.pid %proc.name %fd.name %evt.arg.flags
  priority: NOTICE
"""


@pytest.fixture(scope="module")
def agent(start_agent, tmp_path_factory):
    """Return an agent with the rules."""
    rules = tmp_path_factory.mktemp("rules") / "users.yaml"
    rules.write_text(RULES)
    return start_agent(rules)


@pytest.fixture
def root(open_folder):
    """Return a root with accounts, and with the file."""
    folder = open_folder / secrets.token_hex(8)
    (folder / "etc").mkdir(parents=True)
    (folder / "etc" / "passwd").write_text(f"boss:x:0:0::/home/boss:/bin/zsh\nwebby:x:{UID}:{UID}::/srv:/bin/sh\n")
    (folder / "etc" / "group").write_text(f"www:x:{UID}:\n")
    return folder


@pytest.fixture
def cgroup(container_cgroup):
    """Return the cgroup of a container of its own."""
    group = container_cgroup.parent / secrets.token_hex(32)
    group.mkdir()
    yield group
    wait_until(lambda: not (group / "cgroup.procs").read_text())
    group.rmdir()


def opens(root, name, cgroup=None, uid=UID, stays=None):
    """Have a process, with this *root* and in this *cgroup*, open the file *name*; it *stays* until that is closed."""
    folder = root / name
    folder.mkdir()
    (folder / "falcohost-users").touch()
    for path in (root, folder, folder / "falcohost-users"):
        path.chmod(0o755)
    child = os.fork()
    if not child:
        try:
            if cgroup is not None:
                (cgroup / "cgroup.procs").write_text(str(os.getpid()))
            os.chroot(root)
            os.chdir("/")
            os.setgid(uid)
            os.setuid(uid)
            os.open(f"/{name}/falcohost-users", os.O_RDONLY)
            signal.alarm(100)
            if stays is not None:
                os.read(stays, 1)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return child


class Opening:
    """Opens files one after the other, and returns what is told of each."""

    def __init__(self, agent, root, cgroup) -> None:
        self._agent = agent
        self._root = root
        self._cgroup = cgroup
        self._count = 0

    def told(self, uid=UID, *, inside=True) -> str:
        """Return what is told of a process that opens a file, and that lives until it is told."""
        self._count += 1
        name = f"{self._root.name}-{self._count}"
        reads, writes = os.pipe()
        child = opens(self._root, name, self._cgroup if inside else None, uid, reads)
        try:
            alert = self._agent.wait_for(lambda alert: f" /{name}/falcohost-users " in alert["output"])
        finally:
            os.write(writes, b"x")
            assert 0 == os.waitpid(child, 0)[1]
            os.close(reads)
            os.close(writes)
        text = alert["output"].partition("Notice ")[2]
        return text.replace(f"/{name}/falcohost-users ", "")


@pytest.fixture
def opening(agent, root, cgroup):
    """Return what opens files in the container."""
    return Opening(agent, root, cgroup)


def test_users_of_a_container_are_those_of_its_files(opening):
    """The rule on a name of the container fires, and the output has its home, shell and group."""
    assert f"known | webby /srv /bin/sh www www {UID}" == opening.told()


def test_root_of_a_container_keeps_its_name(opening):
    """Root is root, whatever the container calls it; home and shell are those that the container says."""
    assert "root | root /home/boss /bin/zsh root" == opening.told(uid=0)


def test_outside_of_containers_the_machine_decides(opening):
    """A process with another root that is in no container is looked up in the machine's files, as in Falco."""
    assert "unknown | <NA> <NA> <NA> <NA>" == opening.told(inside=False)


def test_a_user_that_is_added_is_known(opening, root):
    """The container's files are read again when they change, also when a new file takes the place of the former."""
    before = opening.told(uid=UID + 1)
    (root / "etc" / "new").write_text(f"late:x:{UID + 1}:{UID + 1}::/late:/bin/late\n")
    (root / "etc" / "new").rename(root / "etc" / "passwd")

    assert "unknown | <NA> <NA> <NA> <NA>" == before
    wait_until(lambda: opening.told(uid=UID + 1) == "unknown | late /late /bin/late <NA>")


def test_a_link_out_of_the_container_leads_nowhere(opening, root):
    """A container that has a link to the machine's file in its place has no such users."""
    (root / "etc" / "passwd").unlink()
    (root / "etc" / "passwd").symlink_to("../../../../../../../../etc/passwd")

    wait_until(lambda: opening.told() == "unknown | <NA> <NA> <NA> www")


def test_what_the_helper_opens_is_its_job(opening, agent):
    """Reading a container's accounts is no event. Another agent's helper, which reads them for itself, is one."""
    own = {agent.process.pid, *below(agent.process.pid)}
    opening.told()
    mark = opening.told(uid=0)

    assert mark
    assert [] == [a for a in agent.alerts if a["rule"] == "Helper" and a["output_fields"]["proc.pid"] in own]
