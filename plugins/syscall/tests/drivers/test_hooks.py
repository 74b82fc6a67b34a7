"""The probe finds the files of calls that leave no descriptor, where the kernel allows programs at its hooks."""

from __future__ import annotations

import sys

import pytest
from read_probe import ReadProbe

from falcohost.testing import skip_or_fail
from falcohost_syscall.calls.rows import BY_NAME, CALLS
from falcohost_syscall.drivers.modern_ebpf import hooks as driver_hooks
from falcohost_syscall.drivers.modern_ebpf.forms import needs_older
from falcohost_syscall.drivers.modern_ebpf.hooks import HOOKS, INSTALLS, REQUESTS
from falcohost_syscall.drivers.modern_ebpf.options import Options
from falcohost_syscall.drivers.modern_ebpf.wanted import calls, hooks, requests
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.records import record as R

TYPES = frozenset(row.name for row in CALLS if row.hooks or row.want & R.WANT_ATTRIBUTE)


def rows(found, name):
    """Return the records of the calls of one event type."""
    return [r for r in found if r.header.kind == R.KIND_CALL and r.header.call == BY_NAME[name].call]


@pytest.fixture
def hooked(watched):
    """Collect every call that passes a hook, with what its paths lead to."""
    if not watched.driver.hooks:
        skip_or_fail("hooks", "the kernel lets no programs stand at its functions, so it tells no real names of paths")
    watched.driver.set_calls(calls(TYPES, hooks=HOOKS), passing=HOOKS)
    yield watched
    watched.driver.set_calls({})


def test_every_hook_has_a_program():
    """The hooks in the table of calls are those for which there are programs."""
    assert HOOKS | REQUESTS == hooks(TYPES)


def test_a_kernel_without(watched, tmp_path):
    """Where no program can stand at a function the kernel is found to have no hooks, and calls come as without them."""
    functions = {f"security_{hook}" for hook in HOOKS}
    if needs_older(Library()):
        pytest.skip("the form for older kernels has no programs at functions, whatever the kernel allows")
    if watched.driver.hooks:
        pytest.skip("this kernel has them; the other tests are about that")
    watched.driver.set_calls(calls(TYPES))
    (record,) = rows(watched.python("os.mkdir(sys.argv[1])", tmp_path / "new"), "mkdir")

    assert frozenset() == watched.driver.kernel.enterable(functions)
    assert bytes(tmp_path / "new") == record.sections[R.SEC_PATH]
    assert R.SEC_REALPATH not in record.sections
    assert 0 == watched.driver.lost()["real_name"]


def test_a_kernel_that_refuses(machine, monkeypatch):
    """Where the kernel does not take the programs after all, the probe is there without them."""
    if needs_older(Library()):
        pytest.skip("the form for older kernels has no programs at functions")
    kernel = Kernel(Library())
    real = driver_hooks.find(kernel)
    if not kernel.has_tracepoint("io_uring_submit_req"):  # since Linux 6.4
        real -= REQUESTS
    monkeypatch.setattr(driver_hooks, "find", lambda kernel: HOOKS | REQUESTS | {INSTALLS})
    with ReadProbe() as driver:
        driver.set_calls(calls(TYPES, hooks=driver.hooks), passing=driver.hooks)

        assert real == driver.hooks


def test_not_a_function(watched):
    """A function that the kernel does not have is none at which a program can stand."""
    assert frozenset() == watched.driver.kernel.enterable(["no_such_function"])


def test_falcos_reading(machine):
    """Where names are to be as they were requested, nothing is looked for."""
    with ReadProbe(options=Options(requested=True)) as driver:
        assert frozenset() == driver.hooks


@pytest.mark.parametrize(
    ("call", "name", "real"),
    [
        ("os.unlink('link/file')", "unlink", "real/file"),
        ("os.unlink('file', dir_fd=os.open('link', os.O_PATH))", "unlinkat", "real/file"),
        ("os.unlink('/proc/self/root' + os.getcwd() + '/link/file')", "unlink", "real/file"),
        ("os.rmdir('link/folder')", "rmdir", "real/folder"),
        ("os.rmdir('folder', dir_fd=os.open('link', os.O_PATH))", "unlinkat", "real/folder"),
        ("os.mkdir('link/new')", "mkdir", "real/new"),
        ("os.mknod('link/new')", "mknodat", "real/new"),
        ("os.symlink('any', 'link/new')", "symlink", "real/new"),
        ("os.chmod('to_file', 0o600)", "chmod", "real/file"),
        ("os.chown('to_file', 1, 1)", "chown", "real/file"),
        ("os.lchown('link/file', 1, 1)", "lchown", "real/file"),
        ("os.truncate('link/file', 0)", "truncate", "real/file"),
    ],
)
def test_one_path(hooked, tmp_path, call, name, real):
    """A call on one path tells what it led to, past links, the root of /proc and descriptors."""
    (tmp_path / "real/folder").mkdir(parents=True)
    (tmp_path / "real/file").write_text("")
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "to_file").symlink_to("link/file")
    (record,) = rows(hooked.python(call, cwd=tmp_path), name)

    assert 0 == record.header.ret
    assert bytes(tmp_path / real) == record.sections[R.SEC_REALPATH]
    assert R.SEC_REALPATH2 not in record.sections


@pytest.mark.parametrize("name", ["rename", "link"])
def test_two_paths(hooked, tmp_path, name):
    """A call on two paths tells what both led to."""
    for folder in ("from", "to"):
        (tmp_path / folder).mkdir()
        (tmp_path / f"{folder}_link").symlink_to(folder)
    (tmp_path / "from/file").write_text("")
    (record,) = rows(hooked.python(f"os.{name}('from_link/file', 'to_link/other')", cwd=tmp_path), name)

    assert bytes(tmp_path / "from/file") == record.sections[R.SEC_REALPATH]
    assert bytes(tmp_path / "to/other") == record.sections[R.SEC_REALPATH2]


def test_mounts(hooked, tmp_path):
    """A mount and an unmount tell where they happen; below a second mount there is the host's path beside."""
    for folder in ("real/in", "bound"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    script = """
import ctypes
libc = ctypes.CDLL(None)
libc.mount(b"real", b"bound", None, 4096, None)
libc.mount(b"none", b"link/in", b"tmpfs", 0, None)
libc.umount2(b"link/in", 0)
os.rmdir("bound/in")
"""
    found = hooked.run("unshare", "-m", sys.executable, "-ISc", f"import os\n{script}", cwd=tmp_path)
    mounts = [r.sections[R.SEC_REALPATH] for r in rows(found, "mount") if not r.header.ret][-2:]
    (removed,) = rows(found, "rmdir")

    assert [bytes(tmp_path / "bound"), bytes(tmp_path / "real/in")] == mounts
    assert bytes(tmp_path / "real/in") == rows(found, "umount2")[0].sections[R.SEC_REALPATH]
    assert bytes(tmp_path / "bound/in") == removed.sections[R.SEC_REALPATH]
    assert bytes(tmp_path / "real/in") == removed.sections[R.SEC_REALHOST]


def test_a_call_that_fails_before(hooked, tmp_path):
    """A call that fails on its way to the hook tells nothing, nor what the call before it led to."""
    script = "os.mkdir('one')\ntry: os.mkdir('none/two')\nexcept OSError: pass"
    first, second = rows(hooked.python(script, cwd=tmp_path), "mkdir")

    assert (0, bytes(tmp_path / "one")) == (first.header.ret, first.sections[R.SEC_REALPATH])
    assert (-2, None) == (second.header.ret, second.sections.get(R.SEC_REALPATH))


def test_a_call_that_fails_behind(hooked, tmp_path):
    """A call that is refused later tells what it would have been done to."""
    (tmp_path / "folder/in").mkdir(parents=True)
    script = "try: os.rmdir('./folder')\nexcept OSError: pass"
    (record,) = rows(hooked.python(script, cwd=tmp_path), "rmdir")

    assert (-39, bytes(tmp_path / "folder")) == (record.header.ret, record.sections[R.SEC_REALPATH])


def test_longest_paths(hooked, tmp_path):
    """Two paths of the greatest length are told whole."""
    script = """
name = 'd' * 100
for _ in range(38): os.mkdir(name); os.chdir(name)
os.mkdir('a' * 100); os.rename('a' * 100, 'b' * 100)
"""
    (record,) = rows(hooked.python(script, cwd=tmp_path), "rename")
    folder = bytes(tmp_path) + (b"/" + b"d" * 100) * 38

    assert folder + b"/" + b"a" * 100 == record.sections[R.SEC_REALPATH]
    assert folder + b"/" + b"b" * 100 == record.sections[R.SEC_REALPATH2]


def test_threads(hooked, tmp_path):
    """Simultaneous calls of several threads are reported for each thread separately."""
    script = """
from threading import Thread
def work(number):
    for i in range(200): os.mkdir(f'{number}.{i}'); os.rmdir(f'./{number}.{i}')
threads = [Thread(target=work, args=(number,)) for number in range(8)]
for t in threads: t.start()
for t in threads: t.join()
"""
    found = rows(hooked.python(script, cwd=tmp_path), "rmdir")

    assert 1600 == len(found)
    assert [bytes(tmp_path) + r.sections[R.SEC_PATH][1:] for r in found] == [r.sections[R.SEC_REALPATH] for r in found]
    assert 0 == hooked.driver.lost()["real_name"]


def test_requests(hooked, compiled, tmp_path):
    """A request of io_uring tells what its paths led to, whoever performs it; one that fails before does not."""
    if not REQUESTS <= hooked.driver.hooks:
        skip_or_fail("io_uring", "the kernel does not tell of requests of io_uring")
    hooked.driver.set_calls({}, requests(TYPES, hooks=HOOKS | REQUESTS), passing=HOOKS | REQUESTS)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    found = hooked.run(compiled("requests.c", "evasion/ring.c"), tmp_path, "names")
    told = [
        tuple(
            text.decode().removeprefix(f"{tmp_path}/real/")
            for tag in (R.SEC_REALPATH, R.SEC_REALPATH2)
            if (text := record.sections.get(tag)) is not None
        )
        for record in found
        if record.header.kind == R.KIND_CALL
    ]
    once = [
        ("folder",),
        ("symlink",),
        ("symlink", "second"),
        ("second", "third"),
        ("third",),
        ("symlink",),
        ("folder",),
        (),
    ]

    assert [*once, *once] == told
    assert 0 == hooked.driver.lost()["real_name"]


def test_nobody_asks(hooked, tmp_path):
    """Calls that are collected without hooks tell nothing of what they led to, and leave nothing behind."""
    hooked.driver.set_calls(calls(frozenset({"mkdir"})))
    (record,) = rows(hooked.python("os.mkdir(sys.argv[1])", tmp_path / "new"), "mkdir")

    assert R.SEC_REALPATH not in record.sections
    assert 0 == hooked.driver.lost()["real_name"]
