"""Objects that are immortal before the first fork: whoever looks at them copies nothing."""

import json
import shutil
import subprocess
import sys

import pytest

from falcohost.host import immortal
from falcohost.testing import rollup
from falcohost.testing.skips import skip_or_fail

#: What the script loads by path, since another Python may run it.
MODULES = immortal.__file__, rollup.__file__
SCRIPT = """
import json, runpy, sys
make_immortal = runpy.run_path(sys.argv[1])["make_immortal"]
copied = runpy.run_path(sys.argv[2])["copied"]

def look():
    for one in objects:
        for part in one:
            pass

objects = [(f"text {number}", number * 1.5, [number]) for number in range(50_000)]
before = copied(look)
made = make_immortal()
after = copied(look)
objects.append(("a", "b"))
del objects[::2]
print(json.dumps([made, before, after, len(objects), sys.getrefcount(objects[0]) == sys.getrefcount(None)]))
"""

CODE = """
import json, runpy, sys
make_immortal = runpy.run_path(sys.argv[1])["make_immortal"]
copied = runpy.run_path(sys.argv[2])["copied"]

def look():
    for one in functions:
        for constant in one.__code__.co_consts:
            pass

source = [f"def f{number}():\\n    return 'a text {number}', {number}.5, lambda: {number}" for number in range(20_000)]
named = {}
exec("\\n".join(source), named)
functions = [named[f"f{number}"] for number in range(20_000)]
before = copied(look)
make_immortal()
print(json.dumps([before, copied(look)]))
"""

TWICE = """
import json, runpy, sys, time
found = runpy.run_path(sys.argv[1])
copied = runpy.run_path(sys.argv[2])["copied"]

def look():
    for one in objects:
        for part in one:
            pass

objects = []
others = [(f"text {number}", [number]) for number in range(100_000)]
found["freeze_immortal"]()
objects += [(f"text {number}", number * 1.5, [number]) for number in range(50_000)]
before = copied(look)
print(json.dumps([found["make_immortal"](), before, copied(look)]))
"""


def newer_python():
    """Return a Python that has immortal objects, or skip."""
    names = [sys.executable, "/usr/bin/python3", *(f"python3.{minor}" for minor in range(12, 20))]
    for python in filter(None, map(shutil.which, names)):
        if (
            subprocess.run([python, "-c", "import sys; sys.exit(sys.version_info < (3, 12))"], check=False).returncode
            == 0
        ):
            return python
    return skip_or_fail("python3.12", "there is no Python 3.12 or newer on PATH")


def run(python, script=SCRIPT):
    done = subprocess.run([python, "-c", script, *MODULES], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_a_fork_that_only_looks_copies_nothing():
    """A fork that looks at objects that are immortal copies a small part of what it copied before."""
    made, before, after, left, immortal_now = run(newer_python())

    assert made > 200_000
    assert before > 10 * after
    assert left == 25_000
    assert immortal_now


def test_constants_of_code():
    """A fork copies nothing when it looks at the constants of code, which the garbage collector does not know."""
    before, after = run(newer_python(), CODE)

    assert before > 10 * after


def test_what_is_made_after_the_first_time():
    """The second time, what is new is made immortal, and what was there is left out."""
    made, before, after = run(newer_python(), TWICE)

    assert 200_000 < made < 300_000
    assert before > 10 * after


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python has immortal objects")
def test_a_python_without_them():
    """A Python that has no immortal objects is left alone."""
    assert run(sys.executable)[0] == 0
    assert not immortal.is_possible()


@pytest.mark.parametrize("bits", [47, 48, 52, 57])
def test_all_addresses_have_a_word(bits):
    """Objects may be anywhere below 2^57; those of arm64 are above 2^47, which no address of x86-64 usually is."""
    words = immortal._counts()

    assert (1 << bits) <= words.nbytes
