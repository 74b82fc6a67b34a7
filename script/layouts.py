#!/usr/bin/env python3
"""Writes records/record.py: numbers and layouts that the probe and user space share, as the C compiler has them.

Called by the Makefile of the probe. It compiles the headers with a variable of each type that user space has to
know, and reads what the compiler says of these types (BTF). Written by hand is only which types these
are, and what they are called in Python.

    layouts.py CLANG FLAG… > record.py
"""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import tempfile
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

HEADERS = ("record.h", "call_spec.h", "facts.h", "scratch.bpf.h")
ENUMS = (
    *("kind", "flag", "tag", "exe_flag", "fd_type", "want", "left", "option", "count_row", "moment", "lost", "stage"),
    *("exec_stage", "exit_stage"),
    *("view_index", "process_text", "lineage", "fd_kind", "l4proto", "ip", "addressed", "made", "connected", "led_to"),
)
#: Structs of which user space needs to know where each member is.
PLACES = ("header", "facts", "file_names", "names", "scratch")


class Class(NamedTuple):
    """A struct that user space reads or writes: its names here, and what members are where they are not given."""

    name: str
    what: str
    defaults: str = ""


#: By the name of the struct. The defaults of call_spec: nothing is read from any argument.
CLASSES = {
    "header": Class("Header", "the start of every record"),
    "section": Class("Section", "the start of each section, before its data"),
    "fdinfo": Class("FdInfo", "the data of SEC_FD"),
    "sockinfo": Class("SockInfo", "the data of SEC_SOCK"),
    "forked": Class("Forked", "the data of SEC_FORK"),
    "of_fd": Class("OfFd", "the data of SEC_OF_FD"),
    "resources": Class("Resources", "the data of SEC_RESOURCES"),
    "queue": Class("Queue", "the data of SEC_QUEUE"),
    "caps": Class("Caps", "the data of SEC_CAPS"),
    "execed": Class("Execed", "the data of SEC_EXEC"),
    "caller": Class("Caller", "who makes calls of one kind"),
    "process": Class("Kept", "the cached context of a process, and what of it was sent", "zero"),
    "large_image": Class("LargeImage", "texts of a process that are too long for :class:`Kept`"),
    "inode_id": Class("InodeId", "the identity of a file, whatever its names"),
    "watched_name": Class("WatchedName", "the place of one of the paths of a watched file"),
    "watched_file": Class("WatchedFile", "the paths of a watched file; *names* are structs ``watched_name``"),
    "call_spec": Class("CallSpec", "how the probe reads the arguments of one system call", "nothing"),
    "settings": Class("LoadedSettings", "settings that are fixed while the probe is loaded"),
    "call_count": Class("CallCount", "counters of the events of one type, and what they cost", "zero"),
}
#: Names of the formats of structs, where they are not those of the struct.
FORMATS = {"process": "KEPT"}
PADDING = re.compile(r"pad\d*$")


class Member(NamedTuple):
    """A member of a struct, its place and size in bytes; *count* of an array, *code* of a number (struct module)."""

    name: str
    place: int
    size: int
    count: int
    code: str


class Btf:
    """Types of one object, by kind and name."""

    def __init__(self, data: bytes) -> None:
        head, self._text, size = struct.unpack_from("<I", data, 4)[0], *struct.unpack_from("<II", data, 16)
        types, length = struct.unpack_from("<II", data, 8)
        self._strings = data[head + self._text : head + self._text + size]
        self._types: list[tuple[int, int, int, int, bytes]] = [(0, 0, 0, 0, b"")]
        rest = data[head + types : head + types + length]
        while rest:
            name, info, size = struct.unpack_from("<III", rest)
            kind, count = info >> 24 & 0x1F, info & 0xFFFF
            tail = 12 + self._tail(kind, count)
            self._types.append((kind, name, info >> 31, size, rest[12:tail]))
            rest = rest[tail:]

    @staticmethod
    def _tail(kind: int, count: int) -> int:
        """Return how many bytes follow the head of a type (linux/btf.h)."""
        if kind in (1, 14, 17):  # integers, variables, tags of declarations
            return 4
        if kind == 3:  # arrays
            return 12
        of_each = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}  # structs, unions, enums, prototypes, sections
        return of_each.get(kind, 0) * count

    def _name(self, place: int) -> str:
        return self._strings[place : self._strings.index(b"\0", place)].decode()

    def enum(self, name: str) -> dict[str, int]:
        """Return the numbers of an enum by their names."""
        for kind, place, signed, _, tail in self._types:
            if kind == 6 and self._name(place) == name:
                pairs = struct.iter_unpack("<Ii" if signed else "<II", tail)
                return {self._name(text): number for text, number in pairs}
        raise SystemExit(f"layouts.py: there is no enum {name}")

    def struct(self, name: str) -> tuple[int, list[Member]]:
        """Return the size of a struct, and its members; those of a union in it are its own."""
        for kind, place, _, size, tail in self._types:
            if kind == 4 and self._name(place) == name:
                return size, list(self._members(tail, 0))
        raise SystemExit(f"layouts.py: there is no struct {name}")

    def _members(self, tail: bytes, base: int) -> list[Member]:
        found = []
        for text, type_, bits in struct.iter_unpack("<III", tail):
            place = base + (bits & 0xFFFFFF) // 8
            kind, _, _, _, inner = self._types[self._plain(type_)]
            if kind == 5 and not self._name(text):
                found += self._members(inner, place)
                continue
            found.append(Member(self._name(text), place, *self._size(type_)))
        return found

    def _plain(self, type_: int) -> int:
        while self._types[type_][0] in (8, 9, 10, 11, 18):  # typedefs and qualifiers
            type_ = self._types[type_][3]
        return type_

    def _size(self, type_: int) -> tuple[int, int, str]:
        """Return the size of a type, how many there are in it, and the code of each if it is a number."""
        kind, _, _, size, tail = self._types[self._plain(type_)]
        if kind == 3:
            of, _, count = struct.unpack("<III", tail)
            inner, _, code = self._size(of)
            return inner * count, count, code
        if kind == 1:
            signed = struct.unpack("<I", tail)[0] >> 24 & 1
            code = "BHIQ"[(1, 2, 4, 8).index(size)]
            return size, 1, code.lower() if signed else code
        if kind == 2:
            return 8, 1, "Q"
        return size, 1, "I" if kind == 6 else ""


def main(clang: str, flags: list[str]) -> None:
    """Write the module."""
    btf = Btf(_compiled(clang, flags))
    print(HEAD)
    for name in ENUMS:
        print(f"# enum {name}")
        for text, number in btf.enum(name).items():
            print(f"{text}: Final = {number}")
        print()
    print(f"# #define, in {', '.join(HEADERS)}")
    for text, number in _defines():
        print(f"{text}: Final = {number}")
    print()
    for name, found in CLASSES.items():
        _write_class(name, found, btf.struct(name)[1])
        print()
    print()
    for name in CLASSES:
        size, members = btf.struct(name)
        print(f'{FORMATS.get(name, name.upper())}: Final = struct.Struct("{_format(size, members)}")')
    print("\nENUMS: Final = {")
    for name in ("lost", "view_index", "process_text"):
        _write_dict_of_names(name, list(btf.enum(name))[:-1])
    print('}\n"""Names in the order of their numbers, without the last, which counts them."""\n')
    print("PLACES: Final = {")
    for name in PLACES:
        print(f'    "{name}": {{')
        for member in btf.struct(name)[1]:
            print(f'        "{member.name}": {member.place},')
        print("    },")
    print('}\n"""Members of structs, in bytes from the start of each."""\n')
    print("SIZES: Final = {")
    for name in sorted({*PLACES, *CLASSES}):
        print(f'    "{name}": {btf.struct(name)[0]},')
    print("}")


HEAD = '''"""Numbers and layouts that the probe and user space share. Written by `make` in bpf/; do not edit.

bpf/record.h, bpf/call_spec.h and bpf/facts.h say what each is for. What the bytes mean for rules is decided elsewhere.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple
'''


def _compiled(clang: str, flags: list[str]) -> bytes:
    names = [("enum", name) for name in ENUMS] + [("struct", name) for name in dict.fromkeys((*CLASSES, *PLACES))]
    variables = "".join(f"{kind} {name} layout_{kind}_{name};\n" for kind, name in names)
    with tempfile.TemporaryDirectory() as folder:
        source, made, btf = (Path(folder) / name for name in ("layout.bpf.c", "layout.o", "btf"))
        source.write_text("".join(f'#include "{header}"\n' for header in HEADERS) + variables)
        subprocess.run([clang, *flags, "-I.", "-c", str(source), "-o", str(made)], check=True)
        objcopy = clang.replace("clang", "llvm-objcopy")
        subprocess.run([objcopy, f"--dump-section=.BTF={btf}", str(made)], check=True)
        return btf.read_bytes()


def _defines() -> list[tuple[str, str]]:
    """Return the names that stand for a number."""
    found = []
    for header in HEADERS:
        for name, number in re.findall(r"^#define (\w+) (0x[0-9a-f]+|\d+|\(-1ULL\))", Path(header).read_text(), re.M):
            found.append((name, "(1 << 64) - 1" if "-1" in number else number.upper().replace("X", "x")))
    return found


def _write_class(name: str, found: Class, members: list[Member]) -> None:
    print(f'\nclass {found.name}(NamedTuple):\n    """``struct {name}``: {found.what}."""\n')
    for text, type_ in _fields(members):
        default = _default(found.defaults, text, type_)
        print(f"    {text}: {type_}{default}")


def _default(rule: str, member: str, type_: str) -> str:
    if rule == "zero":
        return ' = b""' if type_ == "bytes" else " = 0"
    if rule == "nothing" and member not in ("call", "want"):
        return (
            " = NO_ARG" if member.endswith("_arg") else " = (1 << 64) - 1" if member in ("sorts", "leaves") else " = 0"
        )
    return ""


def _is_numbers(member: Member) -> bool:
    """Tell whether an array is one of numbers, of which each is a member here; two are taken as bytes."""
    return member.count > 2 and member.code == "Q"


def _fields(members: list[Member]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for member in members:
        if PADDING.match(member.name):
            continue
        if _is_numbers(member):
            found += [(f"{member.name.removesuffix('s')}{number}", "int") for number in range(member.count)]
        else:
            found.append((member.name, "int" if member.count == 1 and member.code else "bytes"))
    return found


def _format(size: int, members: list[Member]) -> str:
    codes, end = [], 0
    for member in members:
        if member.place > end:
            codes.append(f"{member.place - end}x")
        end = member.place + member.size
        if PADDING.match(member.name):
            codes.append(f"{member.size}x")
        elif _is_numbers(member):
            codes.append(f"{member.count}{member.code}")
        else:
            codes.append(member.code if member.count == 1 and member.code else f"{member.size}s")
    if size > end:
        codes.append(f"{size - end}x")
    runs = ((code, len(list(same))) for code, same in groupby(codes))
    return "=" + "".join(f"{count}{code}" if count > 1 and len(code) == 1 else count * code for code, count in runs)


def _write_dict_of_names(name: str, texts: list[str]) -> None:
    print(f'    "{name}": (')
    for text in texts:
        print(f'        "{text.partition("_")[2].lower()}",')
    print("    ),")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
