"""The examples in docs/outputs.md: they are valid as they stand, and do what the page says."""

import re
import subprocess
import sys

import pytest
import yaml

from falcohost.alert import Priority
from falcohost.host.config import parse
from falcohost.host.config.document import read_text
from falcohost.host.config.key_table import KEYS
from falcohost.host.config.keys import key_tree, keys_without_effect, unknown_keys
from falcohost.host.enabled_subscribers import enabled_outputs
from falcohost.outputs.formats import FORMATS
from falcohost.outputs.program import ProgramOutput
from falcohost.programs import AsNow, run_programs
from falcohost.subscribers.selection import Selection
from falcohost.testing.outputs import alert


@pytest.fixture(scope="module")
def page(root):
    """Return the page."""
    return (root / "docs" / "outputs.md").read_text()


@pytest.fixture(scope="module")
def examples(page):
    """Return the examples of configurations."""
    return re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)


def test_examples_are_valid(examples):
    """Each example can be read, has no unknown keys, none without effect, and enables an output."""
    assert len(examples) >= 7
    for text in examples:
        document = read_text(text, "outputs.md")
        tree = key_tree()
        assert ([], []) == (unknown_keys(document.root, tree), keys_without_effect(document.root, tree)), text
        assert enabled_outputs(parse(document).outputs, {}), text


def test_named_outputs_choose_what_the_page_says(examples):
    """The example of outputs by name sends what it seems to send."""
    (text,) = [one for one in examples if "pager:" in one]
    found = parse(read_text(text, "outputs.md")).outputs.enabled

    assert Selection(Priority.WARNING, ("Terminal shell *", "*credential*")) == found["soc"].selection
    pager = Selection(Priority.CRITICAL, tags=("host", "container"), sources=("syscall", "internal"))
    assert pager == found["pager"].selection
    assert (True, True) == (found["soc"].redact, found["pager"].redact)


def test_programs_are_commands(examples, page):
    """The commands in the examples are what a shell can read."""
    read = [yaml.safe_load(text) for text in examples]
    blocks = [block for data in read for block in (*data.values(), *data.get("outputs", {}).values())]
    commands = [block["program"] for block in blocks if isinstance(block, dict) and "program" in block]
    commands += re.findall(r"`(curl [^`]+)`", page)

    assert len(commands) >= 3
    for command in commands:
        subprocess.run(["/bin/sh", "-n", "-c", command], check=True, stdin=subprocess.DEVNULL)


def test_a_program_that_filters(tmp_path, monkeypatch):
    """A filter in a pipe, such as that of the page, gets each alert and passes on what it chooses."""
    monkeypatch.setattr("falcohost.programs._Chosen.choose", None)
    run_programs(lambda user, groups: AsNow())
    script = "import sys\nfor line in sys.stdin:\n    'b' in line and print(line, end='', flush=True)"
    (tmp_path / "filter.py").write_text(script)

    class Form:
        json = False

        def line(self, one):
            return one.rule.encode()

    program = f"{sys.executable} {tmp_path}/filter.py | cat >> {tmp_path}/out"
    block = {"program": program, "keep_alive": True, "user": "", "timeout": 60, "called": "program_output"}
    output = ProgramOutput(block, Form())
    output.deliver([alert("a"), alert("b"), alert("c")])
    output.close()

    assert (tmp_path / "out").read_text() == "rule b\n"


def test_all_keys_and_forms_are_on_the_page(page):
    """The page names each key that outputs by name have in common, and each form."""
    for name in ("type", "enabled", "priority", "rules", "tags", "sources", "format", "redact", *FORMATS):
        assert f"`{name}" in page, name
    for row in KEYS:
        if row.key.startswith(("file_output.max", "program_output.", "falcohost.redact.")):
            last = row.key.rpartition(".")[2]
            assert re.search(rf"\b{last}\b", page), row.key
