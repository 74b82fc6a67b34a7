"""What an event in JSON has to look like; says what is wrong with one that does not."""

from __future__ import annotations

import base64
import binascii
import difflib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from falcohost_syscall.calls.rows import BY_NAME, Call

#: Numbers of the kernel: no more than 64 bits, with a sign or without.
_Int: TypeAlias = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
_Ids: TypeAlias = Annotated[int, Meta(ge=-(1 << 31), le=(1 << 32) - 1)]
_Text: TypeAlias = str | None
_End: TypeAlias = tuple[Annotated[str, Meta(pattern="^(([0-9a-f]{8})|([0-9a-f]{32}))?$")], _Int, str | None]
_Any: TypeAlias = int | str
#: What the values of parameters are, by kind; those of other kinds are numbers.
_KINDS: Final[dict[str, tuple[Any, str]]] = {
    **dict.fromkeys(("path", "relpath", "str", "tuple"), (str, "a text")),
    **dict.fromkeys(("bytes", "sockaddr"), (bytes, "bytes: {base64: …}")),
    "dyn": (_Any, "a number, a text or bytes"),
    "fdlist": (list[tuple[_Ids, _Ids]], "a list of pairs of numbers"),
}
#: Most ancestors of a process, and most views.
_DEEPEST, _MOST_VIEWS = 120, 64


class _Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """Accepts no other keys than these."""


class _Process(_Strict, frozen=True):
    name: str = ""
    pid: _Ids = 0
    exepath: str = ""
    args: tuple[str, ...] = ()
    args_cut: bool = False
    ppid: _Ids = 0
    vpid: _Ids = 0
    start: _Int = 0
    filename: str | dict[str, Any] = ""
    ino: _Int = 0
    ctime: _Int = 0
    mtime: _Int = 0
    exe_flags: _Int = 0
    privileged: bool | None = None
    exec_time: _Int = 0
    pid_namespace_time: _Int = 0
    env: tuple[str, ...] = ()
    env_cut: bool = False
    caps: tuple[int, int] | None = None
    session: tuple[_Ids, _Ids, _Ids, _Ids, _Ids] | None = None
    cwd: _Text = None
    parent: Any = None


class _Socket(_Strict, frozen=True):
    family: _Int = 0
    type: _Int = 0
    state: _Int = 0
    connected: bool = False
    l4proto: str = ""
    ino: _Int = 0
    own_path: str = ""
    peer_path: str = ""
    role: _Text = None
    local: _End | None = None
    remote: _End | None = None
    ends: tuple[str, str] = ("0", "0")


class _File(_Strict, frozen=True):
    ino: _Int = 0
    mode: _Int = 0
    dev: _Int = 0
    magic: _Int = 0
    layer: _Int = 0
    fmode: _Int = 0
    bpf_id: _Int = 0


class _Descriptor(_Strict, frozen=True):
    number: _Int | None = None
    type: _Text = None
    path: _Text = None
    name: _Text = None
    opened_as: _Text = None
    moved: bool = False
    data: Any = None
    open_types: tuple[str, ...] = ()
    file: _File | None = None
    socket: _Socket | None = None
    streams: dict[Annotated[str, Meta(pattern="^[012]$")], tuple[str, str]] = {}
    polled: tuple[tuple[_Int, tuple[str, str, _Socket | None] | None], ...] = ()


class _Paths(_Strict, frozen=True):
    path: _Text = None
    path2: _Text = None
    abspath: _Text = None
    abspath2: _Text = None
    directory: _Text = None
    directory2: _Text = None
    reached: bool = False
    string: _Text = None
    access: Annotated[int, Meta(ge=0, le=3)] | None = None
    requested: _Text = None
    host: _Text = None
    watched: _Text = None


class _Container(_Strict, frozen=True):
    id: str
    full_id: str
    type: str
    outer: str = ""


class _Accounts(_Strict, frozen=True):
    user: tuple[str, str, str] = ("", "", "")
    group: str = ""
    users: dict[str, str] = {}
    groups: dict[str, str] = {}


class _Event(_Strict, frozen=True):
    type: str
    time: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 0
    num: _Int = 0
    ret: _Int = 0
    pid: _Ids | None = None
    tid: _Ids | None = None
    vpid: _Ids | None = None
    vtid: _Ids | None = None
    start: _Int = 0
    uid: _Ids = 0
    gid: _Ids = 0
    loginuid: _Ids = 0
    caps: Annotated[int, Meta(ge=0)] = 0
    cpu: _Ids = 0
    by_uring: bool = False
    is_cut: bool = False
    is_rewritten: bool = False
    is_uncompared: bool = False
    cgroups: tuple[str, ...] = ()
    cwd: _Text = None
    params: dict[str, Any] = {}
    fd: _Descriptor | None = None
    paths: _Paths | None = None
    container: _Container | None = None
    usage: tuple[_Int, _Int, _Int, _Int, _Int, _Int, _Int, _Int] | None = None
    process: _Process | None = None
    others: tuple[_Process, ...] = ()
    accounts: _Accounts | None = None
    agent_part: _Text = None
    by_falcohost: bool = False
    views: Annotated[tuple[dict[str, Any], ...], Meta(max_length=_MOST_VIEWS)] = ()


def checked(data: Any) -> list[dict[str, Any]]:
    """Return the event in *data* and its other views, each whole and without nulls.

    :raises ValueError: it is not an event; the text says why.
    """
    whole = without_nulls(data)
    views = data.get("views") if isinstance(data, dict) else None
    found = [whole]
    if isinstance(views, list) and len(views) <= _MOST_VIEWS and all(isinstance(view, dict) for view in views):
        parts = ({key: value for key, value in {**data, **view}.items() if key != "views"} for view in views)
        found += map(without_nulls, parts)
    for one in found:
        for problem in _problems(one):
            raise ValueError(problem)
    return found


def without_nulls(data: Any) -> Any:
    """Return *data* without the keys whose value is null, which says no more than that the key is not there."""
    if isinstance(data, dict):
        return {key: without_nulls(value) for key, value in data.items() if value is not None}
    return [without_nulls(item) for item in data] if isinstance(data, list) else data


def _problems(data: object) -> Iterator[str]:
    if not isinstance(data, dict) or "type" not in data:
        yield "expected an object with the key 'type'"
        return
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        yield f"a text has a half of a character: {error.object[error.start : error.end]!r}"
        return
    kind = data.get("type")
    if not isinstance(kind, str) or kind not in BY_NAME:
        near = difflib.get_close_matches(str(kind), BY_NAME, n=1)
        yield f"'{kind}' is not an event type{f'; did you mean {near[0]}?' if near else ''}"
        return
    try:
        event = msgspec.convert(data, _Event)
    except msgspec.ValidationError as error:
        yield _near(str(error))
        return
    yield from _of_params(BY_NAME[kind], event.params)
    yield from _of_bytes(None if event.fd is None else event.fd.data)
    for one in (data.get("process"), *data.get("others", ())):
        yield from _of_chain(one)


def _near(said: str) -> str:
    """Return msgspec's message, with what was meant if a key is unknown."""
    _, _, rest = said.partition("unknown field `")
    key = rest.partition("`")[0]
    known = {name for one in (_Event, _Process, _Descriptor, _Paths, _Socket) for name in one.__struct_fields__}
    near = difflib.get_close_matches(key, known, n=1) if key else []
    return said + (f"; did you mean {near[0]}?" if near else "")


def _of_params(row: Call, params: dict[str, Any]) -> Iterator[str]:
    for name, value in params.items():
        if name not in row.param_index:
            yield f"'{name}' is not a parameter of this event type; it has {', '.join(row.param_index)}"
            continue
        told = f"the parameter '{name}'"
        wanted, what = _KINDS.get(row.params[row.param_index[name]].kind, (int, "a number"))
        if value == {"unknown": True}:
            continue
        if isinstance(value, dict):
            yield from _of_bytes(value, told) if wanted in (bytes, _Any) else (f"{told} has to be {what}",)
        elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
            yield f"{told} has more than 64 bits"
        elif wanted is bytes:
            yield f"{told} has to be {what}"
        else:
            try:
                msgspec.convert(value, wanted)
            except msgspec.ValidationError as error:
                yield f"{told} has to be {what}: {error}"


def _of_bytes(value: object, what: str = "data") -> Iterator[str]:
    if value is None:
        return
    try:
        if not isinstance(value, dict) or set(value) != {"base64"}:
            raise ValueError
        base64.b64decode(value["base64"], validate=True)
    except (ValueError, TypeError, binascii.Error):
        yield f"{what} has to be bytes: {{base64: …}}"


def _of_chain(given: Any) -> Iterator[str]:
    depth = 0
    while given is not None:
        try:
            found = msgspec.convert(given, _Process)
        except msgspec.ValidationError as error:
            yield _near(f"process: {error}")
            return
        if isinstance(found.filename, dict):
            yield from _of_bytes(found.filename, "filename")
        given, depth = found.parent, depth + 1
        if depth > _DEEPEST:
            yield f"a process has more than {_DEEPEST} ancestors"
            return
