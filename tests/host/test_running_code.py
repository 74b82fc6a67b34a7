"""Code that runs is laid side by side before the forks, so that each copies few pages of it."""

import importlib
import importlib.util
import json
import re
import subprocess
import sys
from types import CodeType, ModuleType

import pytest

from falcohost.host import immortal, running_code
from falcohost.host.running_code import FILE, is_possible, parsed

#: A package of modules with many functions each, of which one in 40 runs, with all that functions may have.
MODULES = 40
MODULE = """
from contextlib import contextmanager
{unused}

def runs(number):
    '''Doc.'''
    def inner(more):
        return number + more
    return sum(inner(one) for one in range(3)) + Kind(number).doubled + Kind.made(1) + sum(counted(2))

def counted(number):
    while number:
        yield number
        number -= 1

class Kind:
    def __init__(self, number):
        self.number = number

    @property
    def doubled(self):
        return 2 * self.number

    @classmethod
    def made(cls, number):
        return cls(number).number

def fails():
    raise ValueError("line")
"""
RUNNING = "deep runs runs.<locals>.inner runs.<locals>.<genexpr> counted Kind.__init__ Kind.doubled Kind.made"

SCRIPT = """
import gc, importlib, json, sys, traceback
sys.path.insert(0, sys.argv[1])
from falcohost.host.memory import fill_holes, settle
from falcohost.host.immortal import make_immortal
from falcohost.host.running_code import move_running_code
from falcohost.testing.rollup import copied

modules = [importlib.import_module(f"package.m{number}") for number in range(40)]

def run():
    return [module.runs(5) for module in modules for _ in range(20)]

def prepared():
    make_immortal()
    settle()
    fill_holes()
    return copied(run)

generator = modules[0].counted(3)
next(generator)
before = {name: value.__code__ for name, value in vars(modules[0]).items() if hasattr(value, "__code__")}
count = move_running_code(["package.m0"]) if sys.argv[2] != "as it was" else 0
again = move_running_code(["package.m0"]) if sys.argv[2] != "as it was" else 0
pages = prepared() if sys.argv[2] != "mortal" else 0
found = run()
try:
    modules[0].fails()
except ValueError as error:
    line = traceback.extract_tb(error.__traceback__)[-1].lineno
gc.collect()
moved = [name for name, code in before.items() if vars(modules[0])[name].__code__ is not code]
print(json.dumps([count, again, pages, sum(found), list(generator), line, moved]))
"""


GIVEN_BACK = """
import contextlib, importlib, json, os, re, sys, threading
sys.path.insert(0, sys.argv[1])
from falcohost.code_memory import give_back
from falcohost.host.memory import fill_holes, settle
from falcohost.host.immortal import make_immortal
from falcohost.host.running_code import keep_moved_code, move_running_code

if sys.argv[2] == "no file":
    def refused(*arguments):
        raise PermissionError
    os.memfd_create = refused
modules = [importlib.import_module(f"package.m{number}") for number in range(40)]

def run():
    return [module.runs(5) for module in modules for _ in range(20)]

def deep(number):
    with contextlib.suppress(ZeroDivisionError):
        if number:
            return [deep(number - 1) + one for one in range(2)][0]
        give_back()
        1 / 0
    return 0

# As those functions, it lies where code is moved to.
modules[0].deep = deep
deep.__globals__["__name__"] = "package.m0"
move_running_code(["package.m0"])
make_immortal()
settle()
keep_moved_code()
fill_holes()
maps = open("/proc/self/maps").read()
files = re.findall(r"(\\S+) \\S+ \\S+ \\S+ +/memfd:falcohost code", maps)
opened = [one for one in os.listdir("/proc/self/fd") if "falcohost code" in os.path.realpath(f"/proc/self/fd/{one}")]

def copies():
    found = re.search("/memfd:falcohost code.*?Private_Dirty: +([0-9]+) kB", open("/proc/self/smaps").read(), re.DOTALL)
    return int(found[1]) if found else 0

run()
before = copies()
give_back()
pages = before, copies()
expected = run()
generator = modules[0].counted(50)
found, same = [next(generator)], []
threads = [threading.Thread(target=lambda: same.append(run() == expected)) for _ in range(4)]
for one in threads:
    one.start()
for _ in range(200):
    give_back()
    found.append(next(generator, 0))
    found.append(deep(5))
    run()
for one in threads:
    one.join()
trouble = []
try:
    modules[0].fails()
except ValueError as error:
    trouble = [error.args[0]]
print(json.dumps([pages, files, opened, run() == expected, same, sum(found), trouble]))
"""


PROFILED = """
import importlib, os, sys
sys.path.insert(0, sys.argv[1])
from falcohost.code_memory import give_back
from falcohost.host.running_code import keep_moved_code, move_running_code

modules = [importlib.import_module(f"package.m{number}") for number in range(40)]

def run():
    return [module.runs(5) for module in modules for _ in range(20)]

if sys.argv[2] == "from the start":
    sys.activate_stack_trampoline("perf")
    run()
move_running_code(["package.m0"])
keep_moved_code()
if (child := os.fork()) == 0:
    sys.activate_stack_trampoline("perf")
    for _ in range(3):
        run()
        give_back()
        taken = [[modules, modules] for _ in range(100_000)]  # where there was what Python has let go of
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""


POSSIBLE = pytest.mark.skipif(not is_possible(), reason="code cannot be moved here, or somebody follows what runs")


@pytest.fixture
def package(tmp_path):
    """Return the folder of the package, whose functions run by itself in two processes."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__init__.py").touch()
    unused = "\n".join(
        f"def unused{number}(a, b={number}):\n    return [a, {number}, 'text {number}']" for number in range(240)
    )
    for number in range(MODULES):
        (folder / f"m{number}.py").write_text(MODULE.format(unused=unused))
    names = "".join(f"package.m{number} {RUNNING} gone\n" for number in range(MODULES))
    (folder / FILE).write_text(f"# a comment\n\n[worker]\n{names}\n[store]\npackage.no_module runs\n")
    return tmp_path


def ran(folder, how):
    """Return what the script prints."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, folder, how], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@POSSIBLE
def test_where_python_ends(package):
    """A process that has moved code ends like any other, also where nothing is immortal."""
    count, *_, left, line, moved = ran(package, "mortal")

    assert ([2, 1], 2) == (left, len(moved))
    assert (count, line) > (0, 0)


@POSSIBLE
def test_a_fork_copies_less(package):
    """Code that was moved does the same, and a fork that runs it copies fewer pages."""
    _, _, before, result, *_ = ran(package, "as it was")
    count, again, after, moved_result, left, line, moved = ran(package, "moved")

    assert result == moved_result
    assert [2, 1] == left  # a generator that had begun goes on
    assert MODULE.format(unused="x\n" * 479).splitlines().index('    raise ValueError("line")') + 1 == line
    assert (["counted", "runs"], 0) == (sorted(moved), again)
    assert MODULES * len(RUNNING.split()) <= count
    if sys.version_info >= (3, 12):  # with 3.11 counts change pages, too
        assert before > after + 100, (before, after)


@pytest.mark.skipif(not immortal.is_possible(), reason="this Python has no immortal objects")
@POSSIBLE
@pytest.mark.parametrize("how", ["kept", "no file"])
def test_a_process_gives_back_what_it_has_changed(package, how):
    """Code that was given back, also while it runs, does the same; its pages are shared again, with nothing open."""
    done = subprocess.run([sys.executable, "-c", GIVEN_BACK, package, how], check=True, capture_output=True, text=True)
    (before, after), files, opened, same, by_threads, total, trouble = json.loads(done.stdout)

    assert ([], True, [True] * 4, sum(range(51)), ["line"]) == (opened, same, by_threads, total, trouble)
    if how == "kept":
        assert ["rw-p"] == files
        assert before > 2 * after, (before, after)  # what looks at it has copied some again
    else:
        assert [] == files


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python tells perf nothing")
@pytest.mark.parametrize("begun", ["from the start", "later"])
def test_code_that_perf_follows(package, begun):
    """A process of which perf is told goes on when it gives back what it has changed, and runs the same."""
    done = subprocess.run([sys.executable, "-c", PROFILED, package, begun], check=True, capture_output=True, text=True)

    assert "0\n" == done.stdout


def test_nothing_is_moved_while_somebody_follows(monkeypatch):
    """Code stays where it is while a debugger or a profiler is there, which may know it by its place."""
    monkeypatch.setattr(sys, "gettrace", lambda: print)

    assert not is_possible()


@pytest.mark.parametrize("package", ["falcohost", "falcohost_syscall", "falcohost_containers"])
def test_what_the_files_name(package):
    """The functions of falcohost that the files name exist; script/bench running_code writes the files anew."""
    module = importlib.import_module(package)
    text = (running_code.Path(module.__file__).parent / FILE).read_text()
    named = {(name, one) for _, name, names in parsed(text) for one in names if name.startswith(package)}
    missing = sorted((name, one) for name, one in named if one not in functions(importlib.import_module(name)))

    assert 20 < len(named)
    assert 0.1 * len(named) >= len(missing), missing


@pytest.mark.parametrize("package", ["falcohost", "falcohost_syscall", "falcohost_containers"])
def test_how_much_the_files_do_not_know(package):
    """The modules that the files name define about as many functions as when script/bench running_code wrote them."""
    text = (running_code.Path(importlib.import_module(package).__file__).parent / FILE).read_text()
    named = {name for _, name, _ in parsed(text) if name.partition(".")[0] == package}
    sources = [running_code.Path(importlib.util.find_spec(name).origin).read_text() for name in named]
    now = sum(len(re.findall(r"^ *(?:async )?def ", source, re.MULTILINE)) for source in sources)
    before = int(re.search(r"^# Functions that its modules define: (\d+)$", text, re.MULTILINE)[1])

    assert 0.1 * before >= abs(now - before)


def functions(module: ModuleType) -> set[str]:
    """Return the qualified names of a module's functions, and of the functions in these."""
    found: set[str] = set()

    def take(code: CodeType) -> None:
        found.add(code.co_qualname)
        for one in code.co_consts:
            if isinstance(one, CodeType):
                take(one)

    take(module.__spec__.loader.get_code(module.__name__))  # with what decorators hide
    return found
