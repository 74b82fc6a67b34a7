"""Fields: the names that conditions and outputs may use, one row each.

The listing (``falcohost fields``), the tables in the READMEs, the compiler's type check and the extraction all read
the same :class:`Field`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeAlias

#: The argument that a field's getter receives: None, a number or a text, depending on :class:`Field.arg`.
Arg: TypeAlias = int | str | None


class Family(enum.Enum):
    """Groups of types that share their operators (filter-grammar reference, "Operators by type")."""

    NUMBER = "numeric"
    BOOL = "bool"
    STRING = "string"
    BYTES = "buffer"
    IP = "ip address"
    NET = "network"


class FieldType(enum.Enum):
    """Falco's type names. :attr:`python` is the type that a getter returns for each."""

    CHARBUF = "CHARBUF"
    FSPATH = "FSPATH"
    FSRELPATH = "FSRELPATH"
    BYTEBUF = "BYTEBUF"
    BOOL = "BOOL"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    DOUBLE = "DOUBLE"
    RELTIME = "RELTIME"  # nanoseconds
    ABSTIME = "ABSTIME"  # nanoseconds since the epoch
    PORT = "PORT"
    IPADDR = "IPADDR"
    IPNET = "IPNET"  # an address, compared with networks

    @property
    def family(self) -> Family:
        """Return the family of this type, which decides its operators."""
        return _FAMILIES.get(self, Family.NUMBER)

    @property
    def python(self) -> tuple[type, ...]:
        """Return the Python types of a value."""
        return (float, int) if self is FieldType.DOUBLE else _PYTHON[self.family]


_FAMILIES = {
    FieldType.CHARBUF: Family.STRING,
    FieldType.FSPATH: Family.STRING,
    FieldType.FSRELPATH: Family.STRING,
    FieldType.BYTEBUF: Family.BYTES,
    FieldType.BOOL: Family.BOOL,
    FieldType.IPADDR: Family.IP,
    FieldType.IPNET: Family.NET,
}


_PYTHON: dict[Family, tuple[type, ...]] = {
    Family.NUMBER: (int,),
    Family.BOOL: (bool,),
    Family.STRING: (str,),
    Family.BYTES: (bytes,),
    Family.IP: (IPv4Address, IPv6Address),
    Family.NET: (IPv4Address, IPv6Address),
}


class ArgKind(enum.Enum):
    """Kinds of arguments, in brackets after a field's name, or after its last dot as in ``evt.arg.NAME``."""

    NONE = "none"
    INDEX = "index"  # the getter receives an int
    KEY = "key"  # the getter receives a str
    ANY = "any"  # index or key: an int where the text is a decimal number, else a str


class Compare(enum.Enum):
    """How a check reads the value that the getter returns."""

    SCALAR = "scalar"  # the value itself (or, for a list field, the whole list)
    ANY_OF = "any of"  # a tuple: the check is true if it is true for any member, also for != (proc.aname)
    ENDPOINTS = "endpoints"  # a tuple: like ANY_OF, but != is true only if all members differ (fd.ip)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field. *get* or *path* finds its value; an absent value is None.

    :ivar name: the name in rules (``proc.name``).
    :ivar type: Falco's name of its type.
    :ivar description: one line for the listing, ending with a full stop.
    :ivar get: called with the event and the parsed argument; returns the value.
    :ivar path: JSON path of the value in the source's record (``actor.displayName``), for sources of JSON records.
    :ivar reads: JSON paths that *get* reads, so that only these are decoded. A field of a JSON source with neither
        *path* nor *reads* needs the whole record.
    :ivar arg: the kind of argument that it takes.
    :ivar arg_required: it cannot be used without an argument.
    :ivar arg_is_pattern: the argument may be a regular expression, for which *get* takes RE2.
    :ivar dotted: the argument may also follow a last dot (``evt.arg.flags``).
    :ivar check_arg: returns a sentence if the argument is not valid (``unknown event argument x``), else None.
    :ivar check_bracket: the same, only for an argument in brackets.
    :ivar variant: returns the field to use with a given argument, where the type depends on it (``evt.rawarg``).
    :ivar check_value: returns a sentence if a constant is not valid for it (``unknown event type x``), else None.
    :ivar tells_type: its value is that of ``evt.type``, or absent: a check against constants says which types of events
        a rule is for (``syscall.type``).
    :ivar compare: how checks without an argument read the value; with an argument it is always a scalar.
    :ivar known: returns the beginning of a value for which *get* raises ``UnknownValueError``; outputs show it. Without
        it *get* never raises that.
    :ivar json: getter of the JSON value, where it differs from the text (evt.time).
    :ivar shown: getter of what outputs show, where it differs from what checks compare (proc.apid without an index).
    :ivar is_list: the value is a tuple of values of *type*.
    :ivar filter_only: only for conditions.
    :ivar print_only: only for outputs.
    :ivar no_rhs: not allowed on the right side of a check (``val(…)``).
    :ivar no_transform: not allowed in a transformer.
    :ivar suggested: ``append_output`` with ``suggested_output`` adds it to outputs.
    :ivar deprecated: rules that use it get a warning.
    :ivar present: it has a value in every event, so that a rule that only asks whether it exists need not read it.
    :ivar absent: it has no value in any event, so a check of it never holds; rules that need one get a warning.
    """

    name: str
    type: FieldType
    description: str
    get: Callable[[Any, Arg], Any] | None = None
    path: str | None = None
    reads: tuple[str, ...] = ()
    arg: ArgKind = ArgKind.NONE
    arg_required: bool = False
    arg_is_pattern: bool = False
    dotted: bool = False
    check_arg: Callable[[str], str | None] | None = None
    check_bracket: Callable[[str], str | None] | None = None
    variant: Callable[[str], Field] | None = None
    check_value: Callable[[str], str | None] | None = None
    tells_type: bool = False
    compare: Compare = Compare.SCALAR
    known: Callable[[Any, Arg], Any] | None = None
    json: Callable[[Any, Arg], Any] | None = None
    shown: Callable[[Any, Arg], Any] | None = None
    is_list: bool = False
    filter_only: bool = False
    print_only: bool = False
    no_rhs: bool = False
    no_transform: bool = False
    suggested: bool = False
    deprecated: bool = False
    present: bool = False
    absent: bool = False
