"""The rooms of the plugin import one another in one direction, which CONTRIBUTING.md says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import falcohost_syscall

PACKAGE = Path(falcohost_syscall.__file__).parent


def imported(path: Path) -> Iterator[str]:
    """Yield the rooms that the file *path* imports from."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("falcohost_syscall."):
            yield str(node.module).split(".")[1]


def test_a_room_imports_those_above_it(root):
    """No room imports one that stands below it in the table, and each room stands there."""
    table = (root / "CONTRIBUTING.md").read_text().partition("The rooms of")[2].partition("A change of shape")[0]
    rooms = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    found = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    below = [
        f"{path.relative_to(PACKAGE)} imports from {other}"
        for place, room in enumerate(rooms)
        for path in (PACKAGE / room).rglob("*.py")
        for other in imported(path)
        if other in rooms[place + 1 :]
    ]

    assert found == set(rooms)
    assert [] == below
