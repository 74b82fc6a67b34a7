"""Programs that are kept for the next start: they are those that libbpf makes, or else libbpf makes all of them."""

import functools
import os
import struct

import msgspec
import pytest

from falcohost_syscall.calls.rows import BY_NAME, EXEC
from falcohost_syscall.drivers.modern_ebpf import loading, parts
from falcohost_syscall.drivers.modern_ebpf.forms import needs_older
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.kernel import halves, kept_programs
from falcohost_syscall.kernel.instructions import INSTRUCTION, LOAD
from falcohost_syscall.kernel.kept_programs import KeptPrograms
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.program_info import function_types, program_info

EXITS = parts.programs({parts.EXITS})
NUMBER, TYPE, KERNEL_FUNCTION, CALL = 0, 3, 2, 0x85


class Cache(dict):
    """A cache in memory."""

    read, write = dict.get, dict.__setitem__


@pytest.fixture
def prepare():
    """Return a function that sets up a probe."""
    library = Library()
    if needs_older(library):
        pytest.skip("the programs of the form for older kernels are not kept")
    settings = LoadSettings(execve=BY_NAME[EXEC].call, by_perf=True)
    wanted = loading.Wanted(settings, Options(), frozenset(), sees_requests=False, older=False)
    return functools.partial(loading._prepare, library, wanted=wanted)


@pytest.fixture
def start(machine, prepare, monkeypatch):
    """Return a function that loads and keeps programs, without those *left_out*; it returns what it found of each."""
    added = []
    add = halves._add
    monkeypatch.setattr(halves, "_add", lambda *given: added.append(given) or add(*given))

    def start(cache, left_out=frozenset()):
        added.clear()
        library = Library()
        kept = KeptPrograms(library, loading.image(), cache)
        split = lambda names: parts.halved(names - left_out)  # noqa: E731
        probe = halves.load(library, loading.image(), prepare, split, codes=True, kept=kept)
        try:
            found = {name: told(probe, name) for name in probe.loaded()}
            kept.keep(probe)
        finally:
            probe.close()
        return found, bool(added)

    return start


def told(probe, name):
    """Return what the kernel says of a program, and its instructions with places of maps instead of descriptors."""
    descriptor = probe.program_fd(name)
    info = program_info(probe.library, descriptor)
    maps = {one: place for place, one in enumerate(probe.map_fds().values())}
    code = [
        (*rest, maps[number] if rest[0] == LOAD and rest[1] >> 4 in (1, 2) else number)
        for *rest, number in INSTRUCTION.iter_unpack(probe.instructions(name))
    ]
    types = function_types(probe.library, descriptor)
    # libbpf binds all constants to each program, which is for those who list them: numbers of maps differ.
    return info.type, info.tag, info.name, types, code, probe.parts()[1][name].tracepoint


def descriptors():
    """Return how many descriptors there are."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def changed(cache, name, **fields):
    """Change a kept program."""
    ((key, data),) = cache.items()
    kept = msgspec.msgpack.decode(data, type=kept_programs._Kept)
    one = msgspec.structs.replace(kept.programs[name], **fields)
    cache[key] = msgspec.msgpack.encode(msgspec.structs.replace(kept, programs=kept.programs | {name: one}))


def test_the_same(start):
    """A second start loads the same programs without libbpf, and leaves nothing behind when it is closed."""
    cache = Cache()
    first, by_libbpf = start(cache)
    before = descriptors()

    assert by_libbpf
    assert (first, False) == start(cache)
    assert before == descriptors()


def test_a_program_that_was_not_kept(start):
    """A start that needs more programs has libbpf load them, and keeps these, too."""
    cache = Cache()
    start(cache, left_out=EXITS)
    more, by_libbpf = start(cache)

    assert by_libbpf
    assert more.keys() >= EXITS
    assert (more, False) == start(cache)


@pytest.mark.parametrize("name", ["tell_call", "process_exit"])
@pytest.mark.parametrize(
    "fields", [{"code": struct.pack("=BBhi", 0x95, 0, 0, 0)}, {"maps": [(0, 10_000)]}, {"attach": (23, 1)}]
)
def test_what_the_kernel_refuses(start, name, fields):
    """If one of them cannot be loaded, libbpf loads all, nothing is left of those before, and all are kept anew."""
    cache = Cache()
    first, _ = start(cache)
    before = descriptors()
    if name == "tell_call" and "attach" in fields:
        fields = {"kind": 99}
    changed(cache, name, **fields)

    assert (first, True) == start(cache)
    assert before == descriptors()
    assert (first, False) == start(cache)


def test_another_kernel(start, monkeypatch, tmp_path):
    """A kernel with another build ID has programs of its own; one without has none that are kept."""
    cache = Cache()
    start(cache)
    monkeypatch.setattr(kept_programs, "_NOTES", tmp_path / "notes")
    (tmp_path / "notes").write_bytes(struct.pack("=III4s4s", 4, 4, 3, b"GNU", b"1234"))

    assert start(cache)[1]
    assert 2 == len(cache)
    (tmp_path / "notes").unlink()
    assert start(cache)[1]
    assert 2 == len(cache)


@pytest.mark.parametrize("data", [b"", b"\xc0", b"\x80", msgspec.msgpack.encode({"programs": {"a": []}})])
def test_what_is_no_entry(machine, data):
    """Anything else that is read in its place counts as nothing."""
    library, cache = Library(), Cache()
    cache.read = lambda key: data

    assert not KeptPrograms(library, loading.image(), cache)


@pytest.mark.parametrize(
    ("source", "number", "upper", "lasts"),
    [
        (NUMBER, 0x10000000, -1, False),  # an address of the kernel
        (NUMBER, 0x10000000, -0x8000, False),
        (NUMBER, 0, -0x10000, True),  # a mask
        (NUMBER, 0x10000000, 1, True),
        (TYPE, 7, 0, True),  # a variable of the kernel's
        (TYPE, 7, 3, False),  # one of a module's
    ],
)
def test_what_changes_with_a_boot(source, number, upper, lasts):
    """A program is kept only if its instructions are the same after the next boot."""
    code = INSTRUCTION.pack(LOAD, source << 4, 0, number) + INSTRUCTION.pack(0, 0, 0, upper)

    assert lasts is kept_programs._lasts(code)


@pytest.mark.parametrize(("module", "lasts"), [(0, True), (1, False)])
def test_functions_of_modules(module, lasts):
    """Functions of the kernel itself have the same number after the next boot, those of modules may not."""
    assert lasts is kept_programs._lasts(INSTRUCTION.pack(CALL, KERNEL_FUNCTION << 4, module, 77))


def test_a_build_id_behind_other_notes():
    """The build ID is found where it is; damaged notes are an error, and others none."""
    other = struct.pack("=III8s4s", 6, 2, 0x100, b"Linux", b"ab")
    own = struct.pack("=III4s4s", 4, 3, 3, b"GNU", b"xyz")

    assert b"xyz" == kept_programs._build_id(other + own)
    assert None is kept_programs._build_id(other)
    with pytest.raises(struct.error):
        kept_programs._build_id(other + own[:7])
