"""Layouts that `make` has written, held against another compiler than it asks; and the parts of records."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from falcohost_syscall.records import parts
from falcohost_syscall.records import record as R

SOURCES = Path(R.__file__).parents[1] / "bpf"
CLASSES = {
    "header": (R.HEADER, R.Header),
    "fdinfo": (R.FDINFO, R.FdInfo),
    "sockinfo": (R.SOCKINFO, R.SockInfo),
    "process": (R.KEPT, R.Kept),
    "execed": (R.EXECED, R.Execed),
    "watched_file": (R.WATCHED_FILE, R.WatchedFile),
    "call_spec": (R.CALL_SPEC, R.CallSpec),
}


def run_c(c_program, body: str, data: bytes = b"") -> list[str]:
    """Run C statements that print; return the lines."""
    source = f"""#include <stdio.h>
    #include <stddef.h>
    #include <string.h>
    #include "{SOURCES}/record.h"
    #include "{SOURCES}/call_spec.h"
    static unsigned char in[65536];
    static void hex(const void *p, int n) {{ for (int i = 0; i < n; i++) printf("%02x", ((unsigned char *)p)[i]); }}
    int main(void) {{ fread(in, 1, sizeof in, stdin); {body} return 0; }}"""
    return subprocess.run([c_program(source)], input=data, stdout=subprocess.PIPE, check=True).stdout.decode().split()


def test_members(c_program):
    """A struct that is packed in Python with a different value in every byte is read member by member in C."""
    for name, (layout, made) in CLASSES.items():
        data = bytes((17 * i + 1) % 251 for i in range(layout.size))
        statements = [f"struct {name} *s = (void *)in;"]
        for member in made._fields:
            place = re.sub(r"^arg(\d)$", r"args[\1]", member)
            statements.append(f'hex(&s->{place}, sizeof(s->{place})); printf("\\n");')
        printed = run_c(c_program, "".join(statements), data)

        assert [as_hex(value) for value in zip(layout.unpack(data), printed, strict=True)] == printed, name


def as_hex(value_and_printed: tuple[int | bytes, str]) -> str:
    """Return a value's bytes as C has them in memory, as many as C printed."""
    value, printed = value_and_printed
    if isinstance(value, bytes):
        return value.hex()
    size = len(printed) // 2
    return (value % (1 << 8 * size)).to_bytes(size, "little").hex()


def test_sections():
    """Sections follow each other without padding, empty ones included."""
    record = bytes(R.HEADER.size) + R.SECTION.pack(R.SEC_PATH, 3) + b"abc" + R.SECTION.pack(R.SEC_DIR, 0)

    assert [(R.SEC_PATH, b"abc"), (R.SEC_DIR, b"")] == parts.sections(record)


def test_names_of_requests():
    """No name that a request asks for is read without a look at its type, which Linux 7.0 has changed.

    One that was kept the probe from loading there, which shows on such a kernel only.
    """
    source = (SOURCES / "request.bpf.h").read_text()

    assert re.findall(r"READ\(struct \w+, \w+, (?:filename|oldpath|newpath)\)", source) == []
