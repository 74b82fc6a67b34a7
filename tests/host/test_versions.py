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
