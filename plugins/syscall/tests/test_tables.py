"""Rules of system calls that read a lookup table: nothing that the table could want is filtered away."""

from __future__ import annotations

import socket

import pytest

from falcohost.testing.waiting import wait_until

RULES = """
- rule: To the lab
  desc: A connection to a machine of the lab.
  condition: evt.type = connect and asset.owner[fd.sip] = lab
  output: lab | %fd.sip %asset.owner[fd.sip] %asset.key[fd.sip] %asset.level[fd.sip]
  priority: NOTICE
- rule: To nobody
  desc: A connection to an address in a network, which nobody has.
  condition: evt.type = connect and fd.snet = 127.77.0.0/16 and not asset.owner[fd.sip] exists
  output: nobody | %fd.sip %asset.owner[fd.sip]
  priority: NOTICE
- rule: By a listed user
  desc: A user opens a file that stands for all; who may is in a list.
  condition: evt.type in (open, openat) and fd.name endswith /falcohost-tables and not staff.key[user.name] exists
  output: user | %user.name
  priority: NOTICE
"""
CSV = "address,owner,level\n127.77.1.0/24,web,1\n127.77.2.0/24,lab,3\n127.77.2.9,web,2\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the folder with the tables."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "assets.csv").write_text(CSV)
    (folder / "staff.txt").write_text("root\nann\n")
    return folder


@pytest.fixture(scope="module")
def agent(start_agent, files):
    """Return an agent with the tables."""
    (files / "rules.yaml").write_text(RULES)
    asset = {"file": str(files / "assets.csv"), "match": "network", "columns": {"owner": "text", "level": "number"}}
    tables = {"asset": asset, "staff": {"file": str(files / "staff.txt")}}
    return start_agent(files / "rules.yaml", settings={"tables": tables, "rule_matching": "all"})


def connect(address):
    """Try to connect to a port at which nobody listens."""
    with socket.socket() as one:
        one.setblocking(False)
        assert one.connect_ex((address, 9)) != 0


def told(agent, word):
    """Return what the alerts of a rule say."""
    texts = (alert["output"].partition("Notice ")[2] for alert in agent.alerts)
    return [text.removeprefix(f"{word} | ") for text in texts if text.startswith(f"{word} | ")]


def test_a_table_decides_which_connections_are_told(agent, files, open_folder):
    """The smallest network counts, what is in no network is of nobody, and a list decides by a user's name."""
    for last in ("1.1", "2.1", "2.9", "3.1"):
        connect(f"127.77.{last}")
    file = open_folder / "falcohost-tables"
    file.touch()
    file.read_text()  # by root, who is on the list
    connect("127.77.3.2")
    wait_until(lambda: "127.77.3.2 <NA>" in told(agent, "nobody"))

    assert ["127.77.2.1 lab 127.77.2.0/24 3"] == told(agent, "lab")
    assert ["127.77.3.1 <NA>", "127.77.3.2 <NA>"] == told(agent, "nobody")
    assert [] == told(agent, "user")


def test_a_changed_table_counts_while_events_come(agent, files, open_folder):
    """A user who is taken off the list, and a network that is moved to the lab, are told from then on."""
    for name, text in (("assets.csv", CSV.replace("1.0/24,web", "1.0/24,lab")), ("staff.txt", "ann\n")):
        (files / "new").write_text(text)
        (files / "new").rename(files / name)
    file = open_folder / "falcohost-tables"
    file.touch()

    def is_told():
        connect("127.77.1.7")
        file.read_text()
        return "127.77.1.7 lab 127.77.1.0/24 1" in told(agent, "lab") and "root" in told(agent, "user")

    wait_until(is_told)
