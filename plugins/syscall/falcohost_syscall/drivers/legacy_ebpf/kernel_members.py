"""Says at which bytes members of the kernel's structures lie, from the types that the running kernel describes (BTF).

A kernel without BTF has these from its headers; :func:`defines` then leaves it to the compiler. Where both are there,
the kernel itself counts: headers may be those of another build.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple

#: What the program reads, as structure and member. Some kernels lack a member, or call it otherwise.
MEMBERS: Final = """
    task_struct: mm real_parent tgid group_leader cred files fs signal thread_pid thread_info loginuid exit_code
    thread_info: status
    mm_struct: arg_start arg_end env_start env_end exe_file
    cred: euid egid cap_inheritable cap_permitted cap_effective
    signal_struct: rlim tty pids
    tty_struct: driver index
    tty_driver: major minor_start
    files_struct: fdt
    fdtable: fd max_fds
    file: f_inode f_path private_data
    inode: i_ino i_mode i_sb
    super_block: s_dev
    dentry: d_parent d_name
    vfsmount: mnt_root
    fs_struct: root
    socket: sk
    sock_common: skc_family skc_num skc_dport skc_daddr skc_rcv_saddr skc_v6_daddr skc_v6_rcv_saddr
    pid: level numbers
"""
#: What stands in the headers of old kernels for members that are called otherwise there.
_FORMER: Final = {("task_struct", "thread_pid"): "pids[0].pid", ("signal_struct", "pids"): "leader_pid"}
_SINCE: Final = "LINUX_VERSION_CODE >= KERNEL_VERSION(4, 19, 0)"
_UPID: Final = ("upid", "")

_HEADER: Final = Struct("<HBBIIIII")
_TYPE: Final = Struct("<III")
_MEMBER: Final = Struct("<III")
_MAGIC: Final = 0xEB9F
_STRUCT, _UNION = 4, 5
#: Bytes behind each type of a kind: so many, and so many for each of its parts (``include/uapi/linux/btf.h``).
_BEHIND: Final = {
    1: (4, 0),
    3: (12, 0),
    4: (0, 12),
    5: (0, 12),
    6: (0, 8),
    13: (0, 8),
    14: (4, 0),
    15: (0, 12),
    17: (4, 0),
    19: (0, 12),
}


class _Type(NamedTuple):
    name: int
    kind: int
    size: int
    begin: int
    parts: int
    has_bits: bool


def members() -> dict[str, tuple[str, ...]]:
    """Return the names of the members that are read, by their structure."""
    lines = (line.strip().split(": ") for line in MEMBERS.strip().splitlines())
    return {name: tuple(rest.split()) for name, rest in lines}


def from_headers() -> str:
    """Return lines of C that have the compiler look where members lie."""
    lines = [f"#define SIZE_upid sizeof(struct {_UPID[0]})", f"#define HAS_SIGNAL_PIDS ({_SINCE})"]
    for structure, names in members().items():
        for name in names:
            line = f"#define AT_{structure}__{name} offsetof(struct {structure}, {{}})"
            former = _FORMER.get((structure, name))
            if former is None:
                lines.append(line.format(name))
            else:
                lines += [f"#if {_SINCE}", line.format(name), "#else", line.format(former), "#endif"]
    return "\n".join(lines)


def from_kernel(path: Path) -> str | None:
    """Return lines of C with the places of all members, from the BTF in the file *path*; None if it lacks one."""
    try:
        types = _Types(path.read_bytes())
    except (OSError, ValueError):
        return None
    size = types.size(_UPID[0])
    lines = [f"#define SIZE_upid {size}", "#define HAS_SIGNAL_PIDS 1"]
    for structure, names in members().items():
        for name in names:
            place = types.place(structure, name)
            if place is None:
                return None
            lines.append(f"#define AT_{structure}__{name} {place}")
    return None if size is None else "\n".join(lines)


class _Types:
    """The types of a kernel.

    :raises ValueError: *data* is no BTF.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) < _HEADER.size or _HEADER.unpack_from(data)[0] != _MAGIC:
            raise ValueError("no BTF")
        _, _, _, head, first, size, texts, length = _HEADER.unpack_from(data)
        self._data = data
        self._texts = data[head + texts : head + texts + length]
        self._types = [_Type(0, 0, 0, 0, 0, has_bits=False), *self._all(head + first, head + first + size)]
        self._named = {self._name(one.name): one for one in self._types if one.kind == _STRUCT and one.name}

    def _all(self, at: int, end: int) -> Iterator[_Type]:
        while at < end:
            name, info, size = _TYPE.unpack_from(self._data, at)
            kind, parts = info >> 24 & 0x1F, info & 0xFFFF
            at += _TYPE.size
            yield _Type(name, kind, size, at, parts, has_bits=bool(info >> 31))
            once, each = _BEHIND.get(kind, (0, 0))
            at += once + each * parts

    def _name(self, at: int) -> str:
        return self._texts[at : self._texts.index(b"\0", at)].decode(errors="replace")

    def size(self, structure: str) -> int | None:
        """Return the size of a structure in bytes."""
        found = self._named.get(structure)
        return None if found is None else found.size

    def place(self, structure: str, member: str) -> int | None:
        """Return the byte at which a member begins, also one of a nameless structure within."""
        found = self._named.get(structure)
        return None if found is None else self._place(found, member)

    def _place(self, of: _Type, member: str) -> int | None:
        for number in range(of.parts):
            name, kind, bits = _MEMBER.unpack_from(self._data, of.begin + number * _MEMBER.size)
            begin: int = (bits & 0xFFFFFF if of.has_bits else bits) // 8
            if name and self._name(name) == member:
                return begin
            if not name and self._types[kind].kind in (_STRUCT, _UNION):
                inside = self._place(self._types[kind], member)
                if inside is not None:
                    return begin + inside
        return None
