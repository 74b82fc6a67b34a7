"""The Python twin of bpf/facts.h: the same numbers and places, as the C compiler has them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import falcohost_syscall
from falcohost.testing import skip_or_fail
from falcohost_syscall.facts import layout
from falcohost_syscall.filters import site
from falcohost_syscall.records import record as R

FOLDER = Path(falcohost_syscall.__file__).parent / "bpf"


@pytest.fixture
def c(tmp_path):
    """Return a function that prints what C makes of some expressions, as numbers."""
    if not shutil.which("gcc"):
        skip_or_fail("gcc", "gcc is missing, by which the layouts are compared: install gcc")

    def c(*expressions: str) -> list[int]:
        prints = "".join(f'printf("%ld\\n", (long)({expression}));' for expression in expressions)
        source = f"""#include <stdio.h>
        #include <stddef.h>
        #include "{FOLDER / "record.h"}"
        #include "{FOLDER / "facts.h"}"
        int main(void) {{ {prints} return 0; }}"""
        (tmp_path / "program.c").write_text(source)
        subprocess.run(["gcc", "-w", "-o", tmp_path / "program", tmp_path / "program.c"], check=True)
        return [int(line) for line in subprocess.check_output([tmp_path / "program"]).split()]

    return c


def test_names_of_numbers(c):
    """Every kind, protocol and special length has the number that it has in C."""
    numbers = vars(layout) | vars(site)
    names = [name for name in numbers if re.fullmatch(r"(FD|L4|IP|VIEW|BEGIN)_[A-Z0-9_]+", name)]

    assert [numbers[name] for name in names] == c(*names)
    assert len(names) > 20


def test_texts(c):
    """The texts are in the order in which C has them."""
    assert list(range(len(layout.VIEWS))) == c(*(f"VIEW_{name.upper()}" for name in layout.VIEWS))
    assert [len(layout.VIEWS)] == c("VIEWS")


def test_places(c):
    """Every member that a filter reads is where C has it."""
    facts = c(*(f"offsetof(struct facts, {name})" for name in layout.MEMBERS))
    header = c(*(f"offsetof(struct header, {name})" for name in layout.HEADER))

    assert list(layout.MEMBERS.values()) == facts
    assert list(layout.HEADER.values()) == header
    assert [layout.FACTS, layout.FACTS_SIZE, layout.RECORD, layout.FREE] == c(
        "SCRATCH_FACTS", "sizeof(struct facts)", "SCRATCH_RECORD", "SCRATCH_FREE"
    )


def test_scratch_of_the_probe(bpf):
    """The loaded probe's scratch memory has the size that filters are made for."""
    from falcohost_syscall.drivers.modern_ebpf.probe import Probe

    with Probe() as driver:
        info = Path(f"/proc/self/fdinfo/{driver.map_fd('scratches')}").read_text()

    assert f"value_size:\t{-(-layout.SCRATCH_SIZE // 8) * 8}\n" in info
    assert R.HEADER.size == layout.HEADER["loginuid"] + 4 + 8 + 16
