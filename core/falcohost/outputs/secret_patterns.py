"""How secrets look in command lines, records and texts, as regular expressions of RE2.

The only group of each is the secret. RE2 takes time in proportion to the text, whatever an attacker writes.
"""

from __future__ import annotations

from typing import Final

#: What names of secrets contain.
_NAME: Final = (
    r"(?:passw(?:or)?d|passphrase|secret|token|credential|mysql_pwd|"
    r"api[_.-]?key|access[_.-]?key|private[_.-]?key|auth[_.-]?key|encryption[_.-]?key)"
)

#: A name with one of these in it, and a value behind ``=`` or ``:``: variables, options, YAML, JSON, parts of URLs.
_ASSIGNED: Final = (
    rf"(?i)[a-z0-9_.-]*{_NAME}[a-z0-9_.-]*\\?[\"']?\s*[=:]\s*"
    r"(?:\\?\"((?:[^\"\\]|\\[^\"])+)|'([^']+)|((?:[^\s\"'&;,|\\]|\\[^\"'\s])+))"
)

#: An option with such a name, and its value as the next argument.
_OPTION: Final = rf"(?i)(?:^|\s)--?[a-z0-9_.-]*{_NAME}[a-z0-9_.-]*\s+(?:\"([^\"]+)\"?|'([^']+)'?|([^\s\"'-][^\s\"']*))"

#: Those with words that a message may have for other reasons: looked for in fields, not in what is around them.
IN_FIELDS: Final = (
    _ASSIGNED,
    _OPTION,
    # The password of a client, as it wants it.
    r"\b(?:mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump|mariadb-admin)\b[^|;&]*?\s-p([^\s-]\S*)",
    r"\bsshpass\s+-p\s*(\S+)",
    r"\bdocker\s+login\b[^|;&]*?\s-p\s*(\S+)",
    r"\bredis-cli\b[^|;&]*?\s-a\s*(\S+)",
    r"\b(?:curl|wget|http)\b[^|;&]*?\s(?:-u\s*|--user[= ])[\"']?[^\s:\"']+:([^\s\"']+)",
    r"\bsmbclient\b[^|;&]*?\s-U\s*[^\s%]+%(\S+)",
    r"\bopenssl\b[^|;&]*?\bpass:(\S+)",
    r"(?i)\b(?:set-)?cookie:\s*([^\r\n\"']+)",
)

#: Those that nothing else looks like.
ANYWHERE: Final = (
    r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,}|glpat-[A-Za-z0-9_-]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}"
    r"|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}|AIza[A-Za-z0-9_-]{35}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"
    r"|sk-[A-Za-z0-9_-]{20,}|hvs\.[A-Za-z0-9_-]{20,})",
    r"\beyJ[A-Za-z0-9_-]{8,}\.(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)",
    r"(?i)\bauthorization\\?[\"']?\s*[=:]\s*\\?[\"']?(?:(?:basic|token|digest|negotiate|bearer)\s+)?(\*\*\*|[^\s\"'\\]{4,})",
    r"(?i)\bbearer\s+([A-Za-z0-9._~+/=-]{8,})",
    r"(?i)\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:([^\s/@\"']+)@",
    r"(?i)\bhooks\.slack\.com/services/([A-Za-z0-9/]+)",
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----([A-Za-z0-9+/=\s\\]+)",
)

#: Ends of names of options and variables that name where a secret is, not the secret.
NO_SECRET: Final = ("file", "path", "dir", "name", "_id", "-id", ".id", "type", "ttl", "url", "len", "length")
