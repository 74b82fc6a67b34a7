"""Recorded lines of real programs (their provenance is in conftest.py), and hostile ones, in the named formats."""

from collections import Counter
from ipaddress import ip_address

import pytest

LOOPBACK = ip_address("127.0.0.1")


def test_auth_log(read):
    """Each line of an auth.log is parsed, and the messages of sshd, sudo, su, useradd and usermod have an action."""
    found = read(read.recorded / "auth.log", format="auth")

    assert all(matched for (matched,) in found.values("matched"))
    assert Counter(action for (action,) in found.values("action") if action) == {
        "login": 1, "login_failed": 10, "invalid_user": 2, "session_opened": 6, "session_closed": 6, "user_added": 1,
        "sudo": 2, "sudo_ambiguous": 7, "sudo_failed": 1, "su": 3, "su_failed": 1, "group_joined": 1,
    }  # fmt: skip
    names = ("action", "user", "as_user", "method", "ip", "command", "reason", "group")
    values = [row for row in found.values(*names) if row[0]]
    assert ("login", "root", None, "publickey", LOOPBACK, None, None, None) in values
    assert ("login_failed", "nosuch", None, "password", LOOPBACK, None, None, None) in values
    assert ("sudo", "root", "nobody", None, None, "/usr/bin/id", None, None) in values
    assert ("sudo_failed", "qatester", "root", None, None, "/usr/bin/id", "user NOT in sudoers", None) in values
    assert ("su_failed", "qatester", "root", None, None, None, None, None) in values
    assert ("group_joined", "qatester", None, None, None, None, None, "sudo") in values
    assert {("vm", "sshd", 30264), ("vm", "sudo", None)} <= set(found.values("host", "program", "pid"))


def test_a_user_name_forges_no_address(read):
    """The address is the one that sshd wrote, whatever the name that the client chose says."""
    found = read(read.recorded / "auth.log", format="auth")

    rows = {row for row in found.values("user", "ip") if row[0] and "9.9.9.9" in row[0]}
    assert rows == {("bob from 9.9.9.9 port 1 ssh2", LOOPBACK)}


def test_what_imitates_sudo(read):
    """A directory, argument or variable that imitates sudo's message never passes for another command or user."""
    found = read(read.recorded / "auth.log", format="auth")

    rows = [row for row in found.values("action", "as_user", "command", "message") if "USER=bob" in (row[3] or "")]
    assert len(rows) == 7
    assert {row[:3] for row in rows} == {("sudo_ambiguous", None, None)}


def test_rfc3339(read):
    """The own form of rsyslog, with times of RFC 3339, is read as well."""
    found = read(read.recorded / "auth_iso.log", format="auth")

    assert found.events[0].ts == 1_795_801_823_292_141_000
    assert [action for (action,) in found.values("action")] == [None, "login", "session_opened", None]


def test_rfc5424(read):
    """Priority, structured data and message are told apart; a dash is absent, and no byte stops a line."""
    line = b'<165>1 2003-10-11T22:14:15.003Z host app - ID47 [a@1 x="]\\"" y=""][b@1] \xef\xbb\xbfhello\n'
    found = read((read.recorded / "syslog.log").read_bytes() + line, format="syslog")

    assert found.values("facility", "severity", "program", "message")[0] == (
        "local0", "err", "myprog", 'an error: "quoted" [x]',
    )  # fmt: skip
    assert found.values("message")[2] == ("two#012lines #001 and \udcff bytes",)
    assert found.values("program", "pid", "msgid", "structured", "message")[3] == (
        "app", None, "ID47", '[a@1 x="]\\"" y=""][b@1]', "hello",
    )  # fmt: skip
    assert found.events[3].ts == 1_065_910_455_003_000_000


def test_nginx(read):
    """Requests are parsed; what clients put into name, referer or agent forges nothing; escapes are undone."""
    found = read(read.recorded / "nginx.log", format="nginx")

    assert all(matched for (matched,) in found.values("matched"))
    assert found.values("ip", "user", "method", "path", "query", "status", "bytes")[:3] == [
        (LOOPBACK, None, "GET", "/", None, 403, 153),
        (LOOPBACK, None, "GET", "/cgi-bin/../../../etc/passwd", "x=1&y=%27", 404, 153),
        (LOOPBACK, "al ice [27/Nov/2026", "GET", "/a", None, 404, 153),
    ]
    assert found.values("referer", "agent")[2] == ('http://r/"', 'evil" 200 1 "-" "x\\')
    assert found.values("method", "request", "status")[3] == (None, '\x16\x03\x01garbage"\udcff', 400)
    assert found.values("url")[4] == ("/x y z",)
    assert found.events[0].ts == 1_795_801_820_000_000_000


def test_apache(read):
    """The combined and the common form are parsed, with Apache's escapes."""
    found = read(read.recorded / "apache.log", format="apache")

    assert all(matched for (matched,) in found.values("matched"))
    assert found.values("agent", "referer", "status")[2] == ('evil" 200 1 "-" "x\\', 'http://r/"', 404)
    assert found.values("agent", "path")[-2] == (None, "/cgi-bin/../../../etc/passwd")


JOURNAL = (
    b'{"__REALTIME_TIMESTAMP":"1795801823292141","_HOSTNAME":"vm","SYSLOG_IDENTIFIER":"sshd","_PID":"17","_UID":"0",'
    b'"PRIORITY":"6","_SYSTEMD_UNIT":"ssh.service","MESSAGE":"Failed password for eve from 192.0.2.1 port 22 ssh2"}\n'
    b'{"__REALTIME_TIMESTAMP":"1795801823292142","_COMM":"cat","MESSAGE":[104,105,255]}\n'
    b'{"__REALTIME_TIMESTAMP":"1795801823292142","MESSAGE":null,"PRIORITY":"x"}\n'
    b'{"MESSAGE":"no time"}\nno JSON\n'
)


def test_journal(read):
    """Records of the journal, in the form that systemd documents: texts, arrays of bytes, and what is none."""
    found = read(JOURNAL, format="journald")

    assert found.values("program", "pid", "uid", "unit", "severity", "action", "user", "ip")[0] == (
        "sshd", 17, 0, "ssh.service", "info", "login_failed", "eve", ip_address("192.0.2.1"),
    )  # fmt: skip
    assert found.events[0].ts == 1_795_801_823_292_141_000
    assert found.values("program", "message")[1] == ("cat", "hi\udcff")
    assert [matched for (matched,) in found.values("matched")] == [True, True, True, False, False]


def test_other_lines(read, caplog):
    """A line without the form is an event with its text; such lines are counted, and the first is logged."""
    found = read(b"strange \xff\r\n\n \nNov  1 00:00:00 host a: b\nodd", format="syslog")

    assert found.values("line", "matched", "message") == [
        ("strange \udcff", False, None), ("Nov  1 00:00:00 host a: b", True, "b"), ("odd", False, None),
    ]  # fmt: skip
    assert found.stats.notes == ("2 lines did not have the expected form",)
    assert (found.stats.received, found.stats.passed, found.stats.dropped) == (3, 3, {})
    assert [message.count("byte 0: the line does not have") for message in caplog.messages] == [1]


@pytest.mark.parametrize("form", ["lines", "syslog", "auth", "journald", "nginx", "apache"])
def test_hostile_lines(read, form):
    """Lines of any bytes are events, one that is too long is counted, and the next one is read."""
    lines = [b"{", b"[" * 3000, b'"' * 3000, b"\\" * 3001, bytes(range(32, 256)) * 10, b"<999>1 " + b"[" * 9999]
    found = read(b"\n".join([*lines, b"x" * (1 << 21), b"last"]), format=form)

    assert len(found.events) == len(lines) + 1
    assert found.values("line")[-1] == ("last",)
    assert found.stats.dropped == {"too large": 1}
