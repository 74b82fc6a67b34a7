"""Each process has a user of its own, which no account, process, service or other agent has."""

import fcntl
import os
import subprocess
import sys

import pytest

from falcohost.host.confine.users import DYNAMIC, NOBODY, Users
from falcohost.testing import skip_or_fail


@pytest.fixture(autouse=True)
def as_root():
    """Skip where this is not root."""
    if os.geteuid() != 0:
        skip_or_fail("root", "only root can give users")


@pytest.fixture
def machine(tmp_path):
    """Return a root folder with accounts and processes."""
    for folder in ("etc", "proc/self", "proc/7", "locks"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nbroken\nsix:x:6:6::/:/bin/sh\n")
    (tmp_path / "etc/group").write_text("five:x:5:\n")
    (tmp_path / "proc/self/uid_map").write_text("         0          0 4294967295\n")
    (tmp_path / "proc/7/status").write_text("Name:\ta\nUid:\t7\t8\t7\t7\nGid:\t9\t9\t9\t9\n")
    return tmp_path


@pytest.fixture
def users(machine):
    """Return a function that makes the users of an agent on that machine."""

    def make(first, last, agent="one"):
        return Users(range(first, last + 1), agent, (machine / "locks",), machine)

    return make


def test_each_role_has_its_own(users):
    """Roles have different users of the range, and keep them."""
    agent = users(*(DYNAMIC[0], DYNAMIC[-1]))
    given = [agent.user(role) for role in ("source a", "source b", "store", "source a")]

    assert given[0] == given[3]
    assert len({*given}) == 3
    assert all(uid in DYNAMIC for uid in given)


def test_a_role_has_the_same_after_a_restart(users):
    """A role gets the user that it had in the last life of the agent."""
    first = users(1000, 60000)
    before = [first.user(role) for role in ("source a", "store")]
    for descriptor in first._held:
        os.close(descriptor)

    assert before == [users(1000, 60000).user(role) for role in ("source a",)] + [before[1]]
    assert before[0] != users(1000, 60000, "another agent").user("source a")


def test_what_is_taken_is_not_given(users):
    """Accounts, groups and the users of running processes are left out."""
    agent = users(5, 11)

    assert {9, 10, 11} == {agent.user(role) for role in ("a", "b", "c")}


def test_what_users_may_give_their_containers(users, machine):
    """A user that an ordinary user may have in a container of its own is left out: it could stop the process."""
    (machine / "etc/subuid").write_text("alice:12:3\nbroken\nbob:x:y\n")
    (machine / "etc/subgid").write_text("alice:15:1\n")
    agent = users(12, 17)

    assert {16, 17} == {agent.user(role) for role in ("a", "b")}


def test_agents_do_not_collide(users):
    """What another agent has locked is left out, also one of the same name."""
    one, two = users(100, 103), users(100, 103)

    assert {100, 101, 102, 103} == {agent.user(role) for agent in (one, two) for role in ("a", "b")}


def test_systemd_is_not_in_the_way(users, machine):
    """A user that systemd has locked for a service is left out."""
    with (machine / "locks/100").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)

        assert 101 == users(100, 101).user("a")


def test_a_lock_that_is_a_link_is_not_followed(users, machine):
    """Nothing is written to where a link points."""
    (machine / "locks/100").symlink_to(machine / "victim")

    assert 101 == users(100, 101).user("a")
    assert not (machine / "victim").exists()


def test_no_user_is_left(users, caplog):
    """When all are taken, the process is nobody, and the log says what that means."""
    agent = users(6, 9)
    given = [agent.user(role) for role in ("a", "b", "c")]

    assert NOBODY in given
    assert "no uid from 6 to 9 is available for b: it runs as nobody (65534), whose other processes may stop it" in (
        caplog.text
    )


def test_users_that_do_not_exist_here(users, machine, caplog):
    """In a user namespace only the users that are mapped are given."""
    (machine / "proc/self/uid_map").write_text("0 100000 65536\n65536 200000 10\n")

    assert 65535 == users(65535, 65538).user("a")
    assert NOBODY == users(65536, 65538).user("a")


def test_without_root():
    """Without root nothing is given, and the log says so once."""
    program = (
        "import os, logging; logging.basicConfig(level='INFO')\n"
        "from falcohost.host.confine.users import DYNAMIC, Users\n"
        "os.setuid(65534); users = Users(DYNAMIC, 'x'); print(users.user('a'), users.user('b'))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert "None None\n" == done.stdout
    assert 1 == done.stderr.count("Not running as root: all processes of the agent share the user 65534")
