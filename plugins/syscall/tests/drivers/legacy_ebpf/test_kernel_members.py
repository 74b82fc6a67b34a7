"""Places of members come from the kernel's own types where it has them, else from its headers."""

from __future__ import annotations

from pathlib import Path

import pytest

from falcohost.testing import skip_or_fail
from falcohost_syscall.drivers.legacy_ebpf.kernel_members import from_headers, from_kernel, members

BTF = Path("/sys/kernel/btf/vmlinux")


@pytest.fixture(scope="module")
def told() -> dict[str, int]:
    """Return the places that this kernel tells, by the name of their macro."""
    if not BTF.exists():
        skip_or_fail("bpf", f"{BTF} is missing: this kernel does not tell its types")
    text = from_kernel(BTF)
    assert text is not None
    return {name: int(place) for _, name, place in map(str.split, text.splitlines())}


def test_both_ways_tell_of_all_members(told):
    """Each member has one macro, whichever way is taken; those within nameless structures too."""
    names = {f"AT_{structure}__{name}" for structure, of in members().items() for name in of}

    assert names | {"SIZE_upid", "SIZE_inode", "HAS_SIGNAL_PIDS"} == told.keys()
    assert all(f"#define {name} " in from_headers() for name in told)


def test_places_are_those_of_the_abi(told):
    """What is the same in all kernels is where it is: ports of a socket, arguments behind each other."""
    assert (12, 14, 16) == tuple(told[f"AT_sock_common__skc_{name}"] for name in ("dport", "num", "family"))
    first = told["AT_mm_struct__arg_start"]
    assert [first + 8, first + 16, first + 24] == [
        told[f"AT_mm_struct__{name}"] for name in ("arg_end", "env_start", "env_end")
    ]


@pytest.mark.parametrize("data", [b"", b"\x9f\xeb", b"no types at all, but long enough to have a header"])
def test_what_is_no_btf_leaves_it_to_the_headers(tmp_path, data):
    """A file that is missing, short or of something else tells nothing."""
    path = tmp_path / "btf"
    assert from_kernel(path) is None
    path.write_bytes(data)

    assert from_kernel(path) is None


def test_former_places():
    """Headers of old kernels are asked where these have a member: before 4.16, some of a thread is elsewhere."""
    lines = from_headers().split("\n")
    begin = lines.index("#if LINUX_VERSION_CODE >= KERNEL_VERSION(4, 16, 0)")

    assert [
        "#define AT_thread_info__status offsetof(struct thread_info, status)",
        "#else",
        "#define AT_thread_info__status "
        "(offsetof(struct task_struct, thread.status) - offsetof(struct task_struct, thread_info))",
        "#endif",
    ] == lines[begin + 1 : begin + 5]
