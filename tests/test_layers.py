"""Tests that core imports nothing from the layers above it, and names no plugin."""

import ast
from pathlib import Path

import falcohost

CORE = Path(falcohost.__file__).parent

#: What stands above everything else.
ABOVE = ("falcohost.host", "falcohost.cli", "falcohost.testing")

#: Where the name of the source that Falco has built in stands: what this distribution has, and the language of Falco.
NAMED = {"host/extras.py", "lang/default_source.py"}


def modules():
    """Yield the path of each module of core, from its folder, with its syntax tree."""
    for path in sorted(CORE.rglob("*.py")):
        yield path.relative_to(CORE), ast.parse(path.read_text())


def imports(tree):
    """Yield the modules that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_nothing_below_imports_the_host():
    """Store, outputs, sources' building blocks, the engine and the rest know nothing of the host and of commands."""
    wrong = [
        f"{path}: {name}"
        for path, tree in modules()
        if path.parts[0] not in ("host", "cli", "testing", "__main__.py")
        for name in imports(tree)
        if name.startswith(ABOVE)
    ]

    assert wrong == []


def test_the_host_knows_no_commands():
    """The host imports nothing of the command line, and nothing of what tests are made with."""
    wrong = [
        f"{path}: {name}"
        for path, tree in modules()
        if path.parts[0] == "host"
        for name in imports(tree)
        if name.startswith(("falcohost.cli", "falcohost.testing"))
    ]

    assert wrong == []


def test_no_source_is_special():
    """No module says the name of the syscall source but those that have to."""
    named = {
        str(path)
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and (node.value == "syscall" or str(node.value).startswith("syscall."))
    }

    assert named == NAMED
