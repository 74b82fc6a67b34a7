"""The formats that a source can name, with their patterns (RE2) and fields.

Users of a machine choose parts of a line: user names, paths, commands. So patterns are anchored at both ends, and a
part that somebody else chooses is as long as the rest of the line allows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from falcohost import FieldType
from falcohost_text.values import Column, address, facility, number, path, port, query, severity, text, unescaped

_TEXT, _NUMBER, _IP = FieldType.CHARBUF, FieldType.INT64, FieldType.IPADDR

_PRIORITY = r"(?:<(?P<priority>\d{1,3})>)?"
_TIME = (
    r"(?P<time>[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?(?: \d{4})?"
    r"|\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?)"
)
_ELEMENT = r'\[(?:[^\]\\"]|"(?:[^"\\]|\\.)*")*\]'

#: RFC 5424, and RFC 3164 with its time or with that of RFC 3339, as rsyslog writes it.
_SYSLOG = (
    rf"^{_PRIORITY}1 (?P<time>\S+) (?P<host>\S+) (?P<program>\S+) (?P<pid>\S+) (?P<msgid>\S+) "
    rf"(?P<structured>-|(?:{_ELEMENT})+)(?: {{1,2}}(?:\xef\xbb\xbf)?(?P<message>.*))?$",
    rf"^{_PRIORITY}{_TIME} (?P<host>\S+) (?:(?P<program>[^\s:\[]+)(?:\[(?P<pid>\d+)\])?: )?(?P<message>.*)$",
)

_QUOTED = r'(?:[^"\\]|\\.)*'
_ACCESS = (
    r"^(?P<client>\S+) \S+ (?P<user>.*) \[(?P<time>[^\]]+)\] "
    rf'"(?:(?P<method>[A-Z]+) (?P<url>{_QUOTED}?)(?: (?P<protocol>HTTP/[\d.]+))?|(?P<request>{_QUOTED}))" '
    rf'(?P<status>\d{{3}}|-) (?P<bytes>\d+|-)(?: "(?P<referer>{_QUOTED})" "(?P<agent>{_QUOTED})")?$',
)

_FROM = r"from (?P<ip>\S+) port (?P<port>\d+)"
_SESSION = r"^pam_unix\(\S+:session\): session {} for user (?P<user>[^\s(]+)"
_SSHD = {
    "login": rf"^Accepted (?P<method>\S+) for (?P<user>.*) {_FROM}(?: ssh2)?(?:: .*)?$",
    "login_failed": r"^(?:message repeated \d+ times: \[ )?Failed (?P<method>\S+) for (?:invalid user )?(?P<user>.*) "
    rf"{_FROM}(?: ssh2)?\]?$",
    "invalid_user": r"^Invalid user (?P<user>.*) from (?P<ip>\S+)(?: port (?P<port>\d+))?$",
    "session_opened": _SESSION.format("opened"),
    "session_closed": _SESSION.format("closed"),
}
_RUN = (
    r"(?:TTY=(?P<tty>\S+) ; )?PWD=(?P<cwd>.*?) ; USER=(?P<as_user>\S+) ;(?: (?:GROUP|CHROOT|TSID|ENV)=[^;]* ;)* "
    r"COMMAND=(?P<command>.*)$"
)
_SUDO = {
    # sudo quotes neither the directory nor a lone semicolon.
    "sudo_ambiguous": r"^\s*(?P<user>\S+) : .* ; (?:USER=.* ; USER=|COMMAND=.* ; COMMAND=)",
    "sudo": rf"^\s*(?P<user>\S+) : {_RUN}",
    "sudo_failed": rf"^\s*(?P<user>\S+) : (?P<reason>[^;=]+) ; {_RUN}",
    "session_opened": _SESSION.format("opened"),
    "session_closed": _SESSION.format("closed"),
}
_SU = {
    "su": r"^\(to (?P<as_user>\S+)\) (?P<user>\S+) on (?P<tty>\S+)$",
    "su_failed": r"^FAILED SU \(to (?P<as_user>\S+)\) (?P<user>\S+) on (?P<tty>\S+)$",
    "session_opened": _SESSION.format("opened"),
    "session_closed": _SESSION.format("closed"),
}

#: What programs say in auth.log: for each program, patterns of messages by the value of ``text.action``.
MESSAGES = {
    "sshd": _SSHD,
    "sshd-session": _SSHD,
    "sudo": _SUDO,
    "su": _SU,
    "useradd": {"user_added": r"^new user: name=(?P<user>[^,]+),"},
    "usermod": {"group_joined": r"^add '(?P<user>[^']+)' to group '(?P<group>[^']+)'$"},
    "passwd": {"password_changed": r"^pam_unix\(passwd:chauthtok\): password changed for (?P<user>\S+)$"},
}

_HEAD = (
    Column("host", _TEXT, "Host that wrote the message.", text),
    Column("program", _TEXT, "Program that wrote the message.", text),
    Column("pid", _NUMBER, "Process id of that program.", number),
    Column("message", _TEXT, "The message.", text),
)
_FACILITY = Column(
    "facility", _TEXT, "Facility by name (auth, local0), if the line has a priority.", facility, "priority"
)
_SEVERITY = Column("severity", _TEXT, "Severity by name (err, info), if the line has a priority.", severity, "priority")
_STRUCTURED = (
    Column("msgid", _TEXT, "Type of message (RFC 5424).", text),
    Column("structured", _TEXT, "Structured data as written (RFC 5424).", text),
)
_ACTIONS = (
    Column("action", _TEXT, "What happened: login, login_failed, invalid_user, session_opened, session_closed, sudo, "
           "sudo_failed, sudo_ambiguous, su, su_failed, user_added, group_joined or password_changed.", text),
    Column("user", _TEXT, "User who acted, or who is logged in, added or changed.", text),
    Column("as_user", _TEXT, "User as whom sudo or su runs.", text),
    Column("group", _TEXT, "Group that a user was added to.", text),
    Column("method", _TEXT, "How the user logged in: password, publickey.", text),
    Column("ip", _IP, "Address that the login came from.", address),
    Column("net", FieldType.IPNET, "The same address, for checks against networks.", address, "ip"),
    Column("port", FieldType.PORT, "Port that the login came from.", port),
    Column("tty", _TEXT, "Terminal of sudo or su.", text),
    Column("cwd", _TEXT, "Working directory of sudo.", text),
    Column("command", _TEXT, "Command that sudo runs.", text),
    Column("reason", _TEXT, "Why sudo refused.", text),
)  # fmt: skip
_REQUESTS = (
    Column("client", _TEXT, "Client as written: an address or a host name.", text),
    Column("ip", _IP, "Address of the client.", address, "client"),
    Column("net", FieldType.IPNET, "The same address, for checks against networks.", address, "client"),
    Column("user", _TEXT, "User of HTTP authentication.", unescaped),
    Column("method", _TEXT, "Method of the request.", text),
    Column("url", _TEXT, "Target of the request as sent.", unescaped),
    Column("path", _TEXT, "Path of the target, with percent-encoding decoded up to three times.", path, "url"),
    Column("query", _TEXT, "Query of the target as sent.", query, "url"),
    Column("protocol", _TEXT, "Protocol of the request.", text),
    Column("request", _TEXT, "Request line of a client that did not speak HTTP.", unescaped),
    Column("status", _NUMBER, "Status of the response.", number),
    Column("bytes", _NUMBER, "Size of the response's body.", number),
    Column("referer", _TEXT, "Header Referer of the request.", unescaped),
    Column("agent", _TEXT, "Header User-Agent of the request.", unescaped),
)
_JOURNAL = (
    Column("unit", _TEXT, "Systemd unit of the program.", text),
    Column("uid", _NUMBER, "User id of the program.", number),
    Column("exe", _TEXT, "Executable of the program.", text),
)


@dataclass(frozen=True, slots=True)
class Format:
    """A form of lines.

    :ivar patterns: tried in order; none: every line has the form.
    :ivar columns: its fields.
    :ivar absent: the value of a group that stands for none.
    :ivar time: the group with the event's time.
    :ivar has_messages: :data:`MESSAGES` has patterns of what is in the group ``message``.
    :ivar is_journal: lines are JSON records of the journal, and there are no patterns.
    :ivar is_export: the same for entries of the journal's export format.
    """

    patterns: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    absent: bytes = b""
    time: str = "time"
    has_messages: bool = False
    is_journal: bool = False
    is_export: bool = False


_ACCESS_LOG = Format(_ACCESS, _REQUESTS, absent=b"-")

_JOURNALD = Format(columns=(*_HEAD, _SEVERITY, *_JOURNAL, *_ACTIONS), has_messages=True, is_journal=True)

FORMATS = {
    "lines": Format(),
    "syslog": Format(_SYSLOG, (*_HEAD, _FACILITY, _SEVERITY, *_STRUCTURED), absent=b"-"),
    "auth": Format(_SYSLOG, (*_HEAD, _FACILITY, _SEVERITY, *_ACTIONS), absent=b"-", has_messages=True),
    "journald": _JOURNALD,
    "journald-export": replace(_JOURNALD, is_journal=False, is_export=True),
    "nginx": _ACCESS_LOG,
    "apache": _ACCESS_LOG,
}
