"""The operators of each type (filter-grammar reference, "Operators by type"), with Falco's error messages."""

from __future__ import annotations

from falcohost.fields import Family, FieldType

_EQUALITY = frozenset(("=", "!=", "in", "intersects"))
_ORDER = frozenset(("<", "<=", ">", ">="))
_TEXT = frozenset(("contains", "icontains", "startswith", "endswith", "glob", "iglob", "regex"))
_BYTES = frozenset(("contains", "startswith", "endswith", "bcontains", "bstartswith"))

_ALLOWED = {
    Family.NUMBER: _EQUALITY | _ORDER,
    Family.BOOL: _EQUALITY,
    Family.STRING: _EQUALITY | _ORDER | _TEXT | {"pmatch"},
    Family.BYTES: _EQUALITY | _BYTES,
    Family.IP: _EQUALITY | _TEXT,
    Family.NET: _EQUALITY,
}

_NAMES = {
    Family.NUMBER: "numeric",
    Family.BOOL: "numeric",
    Family.STRING: "string",
    Family.BYTES: "buffer",
    Family.IP: "ip address and network",
    Family.NET: "ip address and network",
}

_LISTS = frozenset(("in", "intersects"))
_LIST_TYPES = frozenset(
    (
        FieldType.CHARBUF,
        FieldType.UINT64,
        FieldType.RELTIME,
        FieldType.ABSTIME,
        FieldType.BOOL,
        FieldType.IPADDR,
        FieldType.IPNET,
    )
)


def refusal(op: str, modifier: str | None, kind: FieldType, is_list: bool) -> str | None:
    """Return why *op* is not allowed for *kind*, or None if it is."""
    if is_list:
        if kind not in _LIST_TYPES:
            return f"list filters are not supported for type '{kind.value}'"
        return None if op in _LISTS else f"'{op}' operator not supported list filters"
    family = kind.family
    if op in _ALLOWED[family]:
        return None
    if modifier is not None and family in (Family.IP, Family.NET):
        return f"'{op}' with modifier not supported for ip address and network filters"
    return f"'{op}' operator not supported for {_NAMES[family]} filters"


def compares_text(op: str, kind: FieldType) -> bool:
    """Return whether *op* on *kind* compares the text of an address, which Falco refuses and we allow."""
    return kind is FieldType.IPADDR and op in _TEXT
