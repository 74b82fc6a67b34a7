"""BTF files: what is read of them, and which are refused, with what is wrong and how to get another."""

import os
import random
import struct
import sys
import time

import pytest

from falcohost import SourceError
from falcohost_syscall.kernel import given_types
from falcohost_syscall.kernel.btf import Types
from falcohost_syscall.kernel.given_types import checked, chosen, differences

RELEASE = os.uname().release
HEADER = struct.Struct("<HBBIIIII")


@pytest.fixture(scope="module")
def own() -> bytes:
    """Return the types of this kernel."""
    if not given_types.OWN.exists():
        pytest.skip("this kernel has no BTF")
    return given_types.OWN.read_bytes()


@pytest.fixture
def put(tmp_path):
    """Return a function that makes a file."""

    def put(data: bytes):
        path = tmp_path / "types.btf"
        path.write_bytes(data)
        return path

    return put


def elf(content: bytes, *, name: bytes = b".BTF", size: int | None = None) -> bytes:
    """Return an ELF file whose only section with a name has this content."""
    names = b"\0" + name + b"\0.shstrtab\0"
    at = 64 + len(names)
    table = at + len(content)
    head = b"\x7fELF\x02\x01\x01".ljust(40, b"\0") + struct.pack("<QIHHHHHH", table, 0, 64, 0, 0, 64, 3, 2)
    sections = [(0, 0, 0), (1, at, len(content) if size is None else size), (len(name) + 2, 64, len(names))]
    return head + names + content + b"".join(struct.pack("<II16xQQ24x", n, 1, a, s) for n, a, s in sections)


def test_own(own, put):
    """A file with this kernel's types serves, as it is and within an ELF file."""
    assert own == checked(put(own))
    assert own == checked(put(elf(own)))
    assert {} == differences(Types(own))


def test_places(own):
    """Sizes and places are those of the kernel; of what is not described there are none."""
    types = Types(own)

    assert (32, 0) == (types.size("list_head") * 2, types.place("list_head", "next"))
    assert 8 == types.place("list_head", "prev")
    assert types.place("task_struct", "tgid") == types.place("task_struct", "pid") + 4
    assert (None, None, None) == (types.size("none"), types.place("none", "next"), types.place("list_head", "none"))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "too short"),
        (b"\x9f\xeb\1\0", "too short"),
        (b"no types at all, but long enough to have a head", "does not begin as BTF"),
        (HEADER.pack(0xEB9F, 9, 0, 24, 0, 0, 0, 1) + b"\0", "does not begin as BTF"),
        (HEADER.pack(0xEB9F, 1, 0, 24, 0, 100, 0, 1) + b"\0", "cut off"),
        (HEADER.pack(0xEB9F, 1, 0, 24, 0, 0, 0, 4) + b"name", "names are damaged"),
        (HEADER.pack(0xEB9F, 1, 0, 24, 0, 12, 12, 1) + struct.pack("<III", 0, 30 << 24, 0) + b"\0", "unknown kind"),
        (
            HEADER.pack(0xEB9F, 1, 0, 24, 0, 12, 12, 1) + struct.pack("<III", 0, 4 << 24 | 9, 0) + b"\0",
            "types are damaged",
        ),
        (HEADER.pack(0xEB9F, 1, 0, 24, 0, 0, 0, 1) + b"\0", "does not describe 'pid' of 'struct task_struct'"),
        (b"\x7fELF\x02\x01", "damaged ELF"),
        (elf(b"", name=b".text"), "without the section .BTF"),
        (elf(b"\x9f\xeb", size=1 << 40), "takes? more than"),
        (elf(b"\x9f\xeb", size=1 << 20), "cut off"),
        (b"\x7fELF\x02\x01".ljust(40, b"\0") + struct.pack("<Q10xHHH", 1 << 63, 64, 3, 2), "damaged ELF"),
        (b"\x7fELF\x02\x01".ljust(40, b"\0") + struct.pack("<Q10xHHH", 0, 65535, 65535, 2), "damaged ELF"),
    ],
)
def test_no_types(put, data, problem):
    """What is no BTF is refused in one sentence that names the file, what is wrong and how to get another."""
    path = put(data)

    with pytest.raises(SourceError, match=problem) as caught:
        checked(path)
    assert str(caught.value).startswith(f"falcohost.btf: {path} ")
    assert "pahole --btf_encode_detached" in str(caught.value)


def test_cut(own, put):
    """A file that is cut anywhere is refused."""
    for length in (100, len(own) // 3, len(own) - 1):
        with pytest.raises(SourceError, match="cut off"):
            checked(put(own[:length]))


def test_damaged(own, put):
    """Whatever bytes are changed, a file serves or is refused, in bounded time."""
    chance = random.Random(20)
    begun = time.monotonic()
    for _ in range(60):
        data = bytearray(own)
        for _ in range(chance.choice((1, 10, 1000))):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            assert data == checked(put(data))
        except SourceError as error:
            assert "falcohost.btf" in str(error)
    assert time.monotonic() - begun < 60


def test_large(tmp_path):
    """Of a file nobody reads more than types can take, however large it is, and whatever it is."""
    path = tmp_path / "types.btf"
    with path.open("wb") as file:
        file.truncate(1 << 31)
    with pytest.raises(SourceError, match="no kernel's types take more than 67,108,864"):
        checked(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(SourceError, match="not a regular file"):
        checked(path)
    path.unlink()
    path.symlink_to("/dev/kmsg")  # which only root may write to
    with pytest.raises(SourceError, match="not a regular file"):
        checked(path)
    with pytest.raises(SourceError, match="No such file"):
        checked(tmp_path / "none")


def test_others_may_write(own, put):
    """A file that other users could change is refused."""
    path = put(own)
    path.chmod(0o666)

    with pytest.raises(SourceError, match="other users could change it"):
        checked(path)


def resized(data: bytes, sizes: dict[str, int]) -> bytes:
    """Return types in which structures have so many bytes more."""
    types, changed = Types(data), bytearray(data)
    for structure, more in sizes.items():
        at = types._begins[types._named[structure]] + 8
        struct.pack_into("<I", changed, at, types.size(structure) + more)
    return bytes(changed)


def test_of_another_kernel(own, put):
    """Types in which a structure is larger than this kernel's objects are refused, and if several are smaller."""
    if not (given_types.SLABS / "dentry" / "object_size").exists():
        pytest.skip("this kernel does not tell the sizes of its objects")
    size = Types(own).size("dentry")

    with pytest.raises(SourceError, match=f"another kernel: 'struct dentry' has {size + 8} bytes there, and {size} in"):
        checked(put(resized(own, {"dentry": 8})))
    with pytest.raises(SourceError, match=f"another kernel: 'struct dentry' has {size - 8} bytes there, and {size} in"):
        checked(put(resized(own, {"dentry": -8, "inode": -8})))
    assert checked(put(resized(own, {"dentry": -8})))


def test_members(own, put):
    """Types without a member that the probe needs are refused."""
    with pytest.raises(SourceError, match="does not describe 'start_boottime' of 'struct task_struct'"):
        checked(put(own.replace(b"\0start_boottime\0", b"\0real_start_time\0"[:15] + b"\0")))


def test_folder(own, tmp_path):
    """Of a folder, the file that has the name of the running release serves."""
    path = tmp_path / f"{RELEASE}.btf"
    with pytest.raises(SourceError, match=f"has no file {RELEASE}.btf"):
        chosen(str(tmp_path))
    path.write_bytes(own)

    assert path == chosen(str(tmp_path))
    assert path == chosen(str(path))


def test_package(own, tmp_path, monkeypatch):
    """Without a setting, installed packages are asked by their entry points, and not imported."""
    monkeypatch.syspath_prepend(tmp_path)
    package, about = tmp_path / "fleet_types", tmp_path / "fleet_types-1.dist-info"
    for folder in (package / "x86", about):
        folder.mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fleet_types\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[falcohost.btf]\nfleet = fleet_types.x86\nother = not_there\n")

    assert chosen("") is None
    (package / "x86" / f"{RELEASE}.btf").write_bytes(own)
    assert package / "x86" / f"{RELEASE}.btf" == chosen("")
    assert "fleet_types" not in sys.modules


def test_passed(own):
    """Libbpf reads the copy, not the file."""
    with given_types.passed(own) as path:
        assert own == path.read_bytes()
    assert not path.exists()
