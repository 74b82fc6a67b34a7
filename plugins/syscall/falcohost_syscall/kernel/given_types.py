"""BTF files for kernels that do not describe their types themselves: which one serves, what it holds, whose it is.

Where a kernel has BTF, no file is looked for: programs that are attached by types need the kernel's own. A file is read
here, once and no more of it than any kernel's types take, and libbpf gets a copy that nobody else can change.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from falcohost import SourceError
from falcohost.regular import require_regular
from falcohost.trust import distrust
from falcohost_syscall.kernel.btf import Types

#: Where a kernel describes its types itself.
OWN: Final = Path("/sys/kernel/btf/vmlinux")
#: The entry points of packages that have files; their values name the packages.
GROUP: Final = "falcohost.btf"
#: The setting that names a file or a folder.
KEY: Final = "falcohost.btf"
ENDING: Final = ".btf"
#: The sizes of the kernel's objects.
SLABS: Final = Path("/sys/kernel/slab")
#: Largest size of BTF, in bytes; the kernels of distributions have 4 to 12 MB.
LARGEST: Final = 64 << 20

#: What the probe cannot do without, of all kernels that it takes.
_NEEDED: Final = {
    "task_struct": (
        "pid",
        "tgid",
        "comm",
        "real_parent",
        "group_leader",
        "start_boottime",
        "fs",
        "files",
        "mm",
        "cred",
    ),
    "file": ("f_path", "f_inode", "private_data"),
    "dentry": ("d_parent", "d_name"),
    "pid": ("level", "numbers", "tasks"),
}
#: Objects of which the kernel tells the size, by the name that it has for them, and the structure that each is.
_OBJECTS: Final = {
    "dentry": "dentry",
    "filp": "file",
    "files_cache": "files_struct",
    "fs_cache": "fs_struct",
    "signal_cache": "signal_struct",
    "sighand_cache": "sighand_struct",
    "cred_jar": "cred",
    "mnt_cache": "mount",
    "inode_cache": "inode",
    "TCP": "tcp_sock",
    "UDP": "udp_sock",
    "UNIX": "unix_sock",
}
_ELF: Final = b"\x7fELF\x02\x01"
_ELF_HEADER: Final = struct.Struct("<40xQ10xHHH")
_SECTION: Final = struct.Struct("<II16xQQ24x")
#: A kernel with its debug symbols has some hundred megabytes, of which only one section is read.
_LARGEST_ELF: Final = 4 << 30
_LONGEST_NAMES: Final = 1 << 20

#: How to get a file, in words.
HOW: Final = (
    "take this kernel's from the archive of BTFHub, or make it from the kernel with its debug symbols (the package "
    "linux-image-…-dbg or kernel-debuginfo): pahole --btf_encode_detached=FILE vmlinux"
)


def has_own() -> bool:
    """Return whether the kernel describes its types itself."""
    return OWN.exists()


def chosen(setting: str) -> Path | None:
    """Return the file that serves: what *setting* names, or else one for this kernel in an installed package.

    :raises SourceError: *setting* is a folder without a file for this kernel.
    """
    name = f"{os.uname().release}{ENDING}"
    if not setting:
        return next((folder / name for folder in _packages() if (folder / name).exists()), None)
    path = Path(setting)
    if not path.is_dir():
        return path
    if not (path / name).exists():
        raise SourceError(f"{KEY}: the folder {path} has no file {name}, so none for this kernel; {HOW}.")
    return path / name


def required(setting: str) -> Path:
    """Return what :func:`chosen` returns.

    :raises SourceError: there is none.
    """
    path = chosen(setting)
    if path is None:
        raise SourceError(
            f"The kernel has no BTF ({OWN} is missing), which engine.kind: modern_ebpf needs; name a file in {KEY} "
            f"({HOW}), boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, or set engine.kind to ebpf (programs that BCC "
            "compiles here) or kmod (Falco's kernel module)."
        )
    return path


def _packages() -> Iterator[Path]:
    """Yield the folders of the installed packages that have files."""
    from importlib.metadata import entry_points  # large, and hardly ever needed
    from importlib.util import find_spec

    for entry in sorted(entry_points(group=GROUP)):
        try:
            spec = find_spec(entry.value.partition(".")[0])  # which does not import it
        except (ImportError, ValueError):
            continue
        for folder in () if spec is None else spec.submodule_search_locations or ():
            yield Path(folder).joinpath(*entry.value.split(".")[1:])


def checked(path: Path) -> bytes:
    """Return the BTF in the file *path*, which can be this kernel's.

    :raises SourceError: it cannot be read, is damaged, or is that of another kernel.
    """
    try:
        if (reason := distrust(path)) is not None:
            raise SourceError(f"{KEY}: {path} is refused, since other users could change it: {reason}.")
        data = _read(path)
        types = Types(data)
    except OSError as error:
        raise SourceError(f"{KEY}: {path} cannot be read: {error.strerror}; {HOW}.") from error
    except ValueError as error:
        raise SourceError(f"{KEY}: {path} is no BTF that can be used: {error}; {HOW}.") from error
    for structure, members in _NEEDED.items():
        for member in members:
            if types.place(structure, member) is None:
                raise SourceError(
                    f"{KEY}: {path} does not describe '{member}' of 'struct {structure}', so that it is not a kernel's "
                    f"from Linux 5.10 on, or made for another program (bpftool gen min_core_btf); {HOW}."
                )
    for structure, (there, here) in differences(types).items():
        raise SourceError(
            f"{KEY}: {path} is that of another kernel: 'struct {structure}' has {there} bytes there, and {here} in the "
            f"kernel that runs, {os.uname().release}; {HOW}."
        )
    return data


def differences(types: Types) -> Mapping[str, tuple[int, int]]:
    """Return the sizes of structures in *types* and in this kernel, where they differ, as far as it tells any.

    One may be smaller in the kernel's own, since kernels begin to give an object more room than its structure needs.
    """
    larger, smaller = {}, {}
    for cache, structure in _OBJECTS.items():
        size, told = types.size(structure), _told(cache)
        if size is None or told is None:
            continue
        here, shared = told
        if size > here:
            larger[structure] = size, here
        elif size < here and not shared:
            smaller[structure] = size, here
    return larger | (smaller if len(smaller) > 1 else {})


def _told(cache: str) -> tuple[int, bool] | None:
    """Return the size of the kernel's objects in *cache*, and whether it has objects of others, which may be larger."""
    try:
        size = int((SLABS / cache / "object_size").read_text())
        others = int((SLABS / cache / "aliases").read_text())
    except (OSError, ValueError):
        return None
    return size, others > 0


def _read(path: Path) -> bytes:
    require_regular(path, _LARGEST_ELF)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):  # another one by now
            raise ValueError("it is no regular file")
        head = os.pread(descriptor, _ELF_HEADER.size, 0)
        at, size = _section(descriptor, head) if head.startswith(_ELF) else (0, status.st_size)
        if size > LARGEST:
            raise ValueError(f"it has {size:,} bytes, and no kernel's types take more than {LARGEST:,}")
        data = os.pread(descriptor, size, at)
    finally:
        os.close(descriptor)
    if len(data) != size:
        raise ValueError("it is cut off")
    return data


def _section(descriptor: int, head: bytes) -> tuple[int, int]:
    """Return where the section .BTF of an ELF file is, and its size."""
    try:
        table, each, count, names = _ELF_HEADER.unpack_from(head)
        if each != _SECTION.size:
            raise ValueError("it is a damaged ELF file")
        sections = os.pread(descriptor, each * count, table)
        _, _, at, size = _SECTION.unpack_from(sections, each * names)
        texts = os.pread(descriptor, min(size, _LONGEST_NAMES), at)
        for number in range(count):
            name, _, at, size = _SECTION.unpack_from(sections, each * number)
            if texts[name : name + 5] == b".BTF\0":
                return at, size
    except (struct.error, OverflowError) as error:
        raise ValueError("it is a damaged ELF file") from error
    raise ValueError("it is an ELF file without the section .BTF")


@contextlib.contextmanager
def passed(data: bytes) -> Iterator[Path]:
    """Give a path under which only this process finds *data*, for as long as the ``with`` lasts."""
    descriptor = os.memfd_create("falcohost types", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(data)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
