"""Fields: the names that conditions and outputs may use, one row each.

The listing (``falcohost fields``), the tables in the READMEs, the compiler's type check and the extraction all read
the same :class:`Field`. There is no second place.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeAlias

#: What a field's getter is given as argument: None, a number or a text, as :class:`Field.arg` says.
Arg: TypeAlias = int | str | None


class Family(enum.Enum):
    """Types that share their operators (filter-grammar reference, "Operators by type")."""

    NUMBER = "numeric"
    BOOL = "bool"
    STRING = "string"
    BYTES = "buffer"
    IP = "ip address"
    NET = "network"


class FieldType(enum.Enum):
    """Falco's type names. :attr:`python` is what a getter returns for a value of that type."""

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
        """Return the family whose operators this type takes."""
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
    """What may stand in brackets behind a field's name, or after its last dot for ``evt.arg.NAME``."""

    NONE = "none"
    INDEX = "index"  # getter is given an int
    KEY = "key"  # getter is given a str
    ANY = "any"  # index or key: an int where the text is a decimal number, else a str


class Compare(enum.Enum):
    """How a check reads the value that the getter returns."""

    SCALAR = "scalar"  # the value itself (or, for a list field, the whole list)
    ANY_OF = "any of"  # a tuple: the check is true if it is true for any member, for != too (proc.aname)
    ENDPOINTS = "endpoints"  # a tuple: as ANY_OF, but != is true only if all members differ (fd.ip)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field. *get* or *path* says how its value is found; an absent value is None.

    :ivar name: as rules write it (``proc.name``).
    :ivar type: Falco's name of its type.
    :ivar description: one line that ends with a full stop, for the listing.
    :ivar get: called with the event and the parsed argument.
    :ivar path: JSON path of the value in the source's record (``actor.displayName``), for sources that carry JSON.
    :ivar reads: JSON paths of all that *get* looks at in the record, so that no more of it has to be decoded. A field
        of a record that has neither *path* nor *reads* is given the whole record.
    :ivar arg: what argument it takes.
    :ivar arg_required: it has no value without one.
    :ivar dotted: the argument may stand behind a last dot as well (``evt.arg.flags``).
    :ivar check_arg: returns a sentence if the argument cannot be, else None (``unknown event argument x``).
    :ivar check_bracket: likewise for an argument in brackets, of a field that takes some arguments behind a dot alone.
    :ivar variant: returns the field that this one is with an argument, where the type depends on it (``evt.rawarg``).
    :ivar check_value: returns a sentence if a constant that it is compared with cannot be (``unknown event type x``).
    :ivar compare: how checks without an argument read the value; with an argument it is always a scalar.
    :ivar json: where the JSON value differs from the text (evt.time): its getter.
    :ivar shown: where outputs show something else than what checks compare (proc.apid without an index): its getter.
    :ivar is_list: the value is a tuple of values of *type*.
    :ivar filter_only: for conditions only.
    :ivar print_only: for outputs only.
    :ivar no_rhs: not on the right side of a check (``val(…)``).
    :ivar no_transform: no transformer takes it.
    :ivar suggested: outputs have it where ``append_output`` says ``suggested_output``.
    :ivar deprecated: rules that use it get a warning.
    """

    name: str
    type: FieldType
    description: str
    get: Callable[[Any, Arg], Any] | None = None
    path: str | None = None
    reads: tuple[str, ...] = ()
    arg: ArgKind = ArgKind.NONE
    arg_required: bool = False
    dotted: bool = False
    check_arg: Callable[[str], str | None] | None = None
    check_bracket: Callable[[str], str | None] | None = None
    variant: Callable[[str], Field] | None = None
    check_value: Callable[[str], str | None] | None = None
    compare: Compare = Compare.SCALAR
    json: Callable[[Any, Arg], Any] | None = None
    shown: Callable[[Any, Arg], Any] | None = None
    is_list: bool = False
    filter_only: bool = False
    print_only: bool = False
    no_rhs: bool = False
    no_transform: bool = False
    suggested: bool = False
    deprecated: bool = False
