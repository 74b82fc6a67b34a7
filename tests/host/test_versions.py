"""Classes and modules' names have their versions before the forks, which then do not write them."""

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys, types
from falcohost.host.immortal import make_immortal
from falcohost.host.memory import fill_holes, settle
from falcohost.host.versions import give_versions
from falcohost.testing.rollup import copied

modules = []
for number in range(400):
    module = types.ModuleType(f"made{number}")
    names = "\\n".join(f"name{one} = {one}" for one in range(120))
    exec(f"{names}\\ndef look():\\n    return name5\\nclass Kind:\\n{'    x = 1'}", module.__dict__)
    sys.modules[module.__name__] = module
    modules.append(module)
kinds = [module.Kind for module in modules]
# One code for all, so that no other code changes where it runs.
looks = [types.FunctionType(module.look.__code__.replace(), module.__dict__) for module in modules]

def use():
    for kind in kinds:
        kind.x
    for look in looks:
        for _ in range(4):
            look()

if sys.argv[1] == "given":
    give_versions()
make_immortal()
settle()
fill_holes()
print(json.dumps([copied(use), [kind.x for kind in kinds] == [1] * 400, sum(module.look() for module in modules)]))
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python numbers them by itself only")
def test_a_fork_writes_no_versions():
    """A fork that looks attributes of classes and names of modules up copies fewer pages of these."""
    before, after = (
        json.loads(subprocess.run([sys.executable, "-c", SCRIPT, how], check=True, capture_output=True).stdout)
        for how in ("left", "given")
    )

    assert [True, 2000] == before[1:] == after[1:]
    assert before[0] > after[0] + 1000, (before, after)


OBJECTS = """
import json, sys
from falcohost.host.immortal import make_immortal
from falcohost.host.memory import fill_holes, settle
from falcohost.host.versions import give_versions
from falcohost.testing.rollup import copied

ran = []

def kind():
    class Kind:
        default = 1
        def __init__(self):
            self.one = self.two = self.default = 0
            self.three = self.__four = 3
        def look(self):
            return self.two
    return Kind

class Ends:
    def __init__(self):
        self.x = 0
    def __del__(self):
        ran.append("end")

class Asks:
    def __init__(self):
        self.x = 0
    def __getattribute__(self, name):
        ran.append(name)
        return object.__getattribute__(self, name)

class Sets:
    def __init__(self):
        self.both = 0
    both = property(lambda self: 0, lambda self, value: ran.append(value))

kinds = [kind() for _ in range(600)]

def use():
    # One code for all, so that no other code changes where it runs.
    for one in kinds:
        made = one.__new__(one)
        made.two, made.one = 2, 1
        made.look()

if sys.argv[1] == "given":
    give_versions()
make_immortal()
settle()
fill_holes()
found = copied(use)
made = kinds[0]()
odd = kinds[0].__new__(kinds[0])
for number in range(40):
    setattr(odd, f"n{number}", number)
print(json.dumps([found, ran, made.__dict__, len(odd.__dict__)]))
"""


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Python tells the names since 3.13")
def test_a_fork_writes_no_names_of_attributes():
    """A fork that makes objects copies fewer pages of their classes; no code of these runs for that."""
    before, after = (
        json.loads(subprocess.run([sys.executable, "-c", OBJECTS, how], check=True, capture_output=True).stdout)
        for how in ("left", "given")
    )

    assert [[], {"one": 0, "two": 0, "default": 0, "three": 3, "_Kind__four": 3}, 40] == before[1:] == after[1:]
    assert before[0] > after[0] + 800, (before, after)
