"""What is seldom needed is kept packed before the forks, and imported from memory by who needs it after all."""

import importlib
import json
import os
import subprocess
import sys

import pytest

from falcohost.host.confine import landlock

#: What the supervisor of the source of system calls has before it forks.
SUPERVISOR = """
import json, os, sys
from importlib.util import find_spec
from falcohost.host.packed import DELAYED, OTHERS, delay, is_packed, leave_out, packed_of

delay()
leave_out()
import falcohost.cli.plain, falcohost.cli.ending, falcohost.cli.start, falcohost.host.agent
from falcohost.host.preload import preload
from falcohost_syscall.drivers.drivers import DRIVERS

preload(name for driver in DRIVERS if driver.name == "modern_ebpf" for name in driver.modules)
listed = [*OTHERS, *packed_of("falcohost"), *packed_of("falcohost_syscall")]
kept = [name for name in listed if find_spec(name)]  # each Python has some that another has not
"""

LISTED = """
waits = [name for name in DELAYED if "__getattr__" in sys.modules[name].__dict__]
print(json.dumps([kept, [name for name in kept if is_packed(name)], [*sys.modules], waits]))
"""

#: Imports all of it where nothing is found in folders any more; fills what waits.
WITHOUT_FILES = """
from importlib.machinery import PathFinder

sys.meta_path.remove(PathFinder)
sys.path_importer_cache.clear()
failed = []
for name in kept:
    try:
        __import__(name)
        getattr(sys.modules[name], "__all__", None)
    except ImportError as error:
        failed.append(f"{name}: {error}")
print(json.dumps(failed))
"""

#: As a process that reads events and has no files.
CONFINED = """
import datetime, socket
from falcohost.host.confine.confinement import Confinement, confine
from falcohost.needs import Needs

parent = os.getpid()
out = os.dup(1)
pid = os.fork()
if pid == 0:
    from falcohost.libc import die_with_parent
    import ctypes

    ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    confine(Confinement(needs=Needs(files=())), parent)
    said = []
    try:
        open("/etc/passwd")
        said.append("opened")
    except OSError:
        pass
    def fails():
        raise ValueError("line")
    try:
        fails()
    except ValueError:
        import traceback
        said.append(traceback.format_exc().splitlines()[-1])
    said.append(datetime.datetime.strptime("2026-11-29", "%Y-%m-%d").year)
    said.append("bücher".encode("idna").decode())
    said.append("a".encode("utf-16-le").decode("utf-16"))
    from falcohost.store.where_code import compiled
    from falcohost.lang.parser import parse_operand
    said.append(str(parse_operand("tolower(proc.name)"))[:13])
    os.write(out, json.dumps(said).encode())
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.skipif(sys.version_info < (3, 13), reason="an older Python imports some of it by itself")
def test_what_is_listed_is_packed_and_not_imported():
    """An ordinary start imports nothing of what is listed: somebody imports it again, or it is gone."""
    kept, packed, modules, waits = run(SUPERVISOR + LISTED)

    assert [] == [name for name in kept if name not in packed]
    assert [] == [name for name in kept if name in modules and name not in waits]


def test_it_is_imported_without_files():
    """All that is packed, and what it imports, is there without files."""
    assert [] == run(SUPERVISOR + WITHOUT_FILES)


@pytest.mark.skipif(os.geteuid() != 0, reason="confines a process as root")
@pytest.mark.skipif(not landlock.version(), reason="before Linux 5.13, files are left to their permissions")
def test_a_confined_process_imports_it():
    """Without files, a process writes a traceback, reads times, encodes names of hosts, and parses an operand."""
    assert ["ValueError: line", 2026, "xn--bcher-kva", "a", "TransformNode"] == run(SUPERVISOR + CONFINED)


CODE = """
from importlib.machinery import SourceFileLoader
from falcohost.host.undocumented import without_docstrings

wrong = []
for name in kept:
    spec = find_spec(name)
    installed = SourceFileLoader(name, spec.origin).get_code(name)
    expected = without_docstrings(installed) if name.startswith("falcohost") else installed
    if spec.loader.get_code(name) != expected:
        wrong.append(name)
print(json.dumps(wrong))
"""


def test_what_is_packed_is_what_is_installed():
    """The code of a packed module is that of its file, for ours without docstrings."""
    assert [] == run(SUPERVISOR + CODE)


WAITS = """
import sys
from falcohost.host.packed import delay, pack
sys.path.insert(0, sys.argv[1])
import falcohost.host.packed as packed
packed.DELAYED = ("waiting", "failing")
delay()
import waiting, waiting as again, failing
pack(packed.DELAYED)
assert "ran" not in sys.argv, "it is filled too soon"
assert not hasattr(waiting, "__path__") and "ran" not in sys.argv
assert waiting is again and again.value == 5 and sys.argv.count("ran") == 1
assert not hasattr(waiting, "other") and sys.argv.count("ran") == 1
for _ in range(2):
    try:
        failing.value
    except ZeroDivisionError:
        sys.argv.append("failed")
assert sys.argv.count("failed") == 2
print("[]")
"""


def test_a_module_that_waits_is_filled_once(tmp_path):
    """It is filled when a name of it is looked up, by one of those who have it; one that fails, fails again."""
    (tmp_path / "waiting.py").write_text("import sys\nsys.argv.append('ran')\nvalue = 5\n")
    (tmp_path / "failing.py").write_text("value = 1 / 0\n")

    assert [] == run(WAITS, str(tmp_path))


SOURCELESS = """
import py_compile, sys
from pathlib import Path
from falcohost.host.packed import is_packed, pack

folder = Path(sys.argv[1])
(folder / "bare.py").write_text("value = 5")
py_compile.compile(folder / "bare.py", folder / "bare.pyc")
(folder / "bare.py").unlink()
sys.path.insert(0, str(folder))
pack(["bare", "is_nowhere"])
print(str([sys.modules["bare"].value, is_packed("bare")]).lower())
"""


def test_what_has_no_source_is_imported(tmp_path):
    """Where a module is installed without its source, it is imported before the forks."""
    assert [5, False] == run(SOURCELESS, str(tmp_path))


THREADS = """
import sys, threading, time
from falcohost.host.packed import delay
import falcohost.host.packed as packed
sys.path.insert(0, sys.argv[1])
packed.DELAYED = ("slow",)
delay()
import slow
found = []
threads = [threading.Thread(target=lambda: found.append(slow.last)) for _ in range(8)]
for one in threads:
    one.start()
for one in threads:
    one.join()
print([*found, len(sys.argv) - 2])
"""


def test_threads_wait_until_it_is_filled(tmp_path):
    """A thread that looks something up while another fills the module gets it, and it is filled once."""
    (tmp_path / "slow.py").write_text("import sys, time\nsys.argv.append('ran')\ntime.sleep(0.2)\nlast = 1\n")

    assert [1] * 8 + [1] == run(THREADS, str(tmp_path))


def test_who_is_no_agent_has_docstrings():
    """Commands show their help, which is in docstrings."""
    done = subprocess.run([sys.executable, "-m", "falcohost", "run", "--help"], capture_output=True, text=True)

    assert "Monitor this host and print alerts until Ctrl-C" in done.stdout
    assert importlib.import_module("falcohost.host.packed").__doc__


def run(script, *arguments):
    """Return what a *script* has printed."""
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
