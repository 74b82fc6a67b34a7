"""The rooms of the plugin: which may import which stands in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import falcohost_syscall

ROOT = Path(falcohost_syscall.__file__).parent
CONTRIBUTING = Path(__file__).resolve().parents[3] / "CONTRIBUTING.md"


def rooms() -> list[str]:
    """Return the rooms in the order of the table."""
    table = CONTRIBUTING.read_text().partition("each may import those above it:")[2].partition("\n\nA change")[0]
    return re.findall(r"^\| `([a-z_/]+)` \|", table, re.MULTILINE)


def room(path: str, known: list[str]) -> str | None:
    """Return the room that a module is in, the innermost; None for those of the plugin itself."""
    found = [name for name in known if path.startswith(f"{name}/")]
    return max(found, key=len, default=None)


def imported(file: Path) -> set[str]:
    """Return the modules of the plugin that are imported when this one is."""
    nodes = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.ImportFrom) and node.module]
    own = [node for node in nodes if node.module.partition(".")[0] == ROOT.name]
    return {f"{node.module}.{alias.name}".partition(".")[2].replace(".", "/") for node in own for alias in node.names}


def test_rooms_import_what_is_above_them():
    """No room imports one below it, and drivers import nothing of each other."""
    known = rooms()
    wrong = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in ROOT.rglob("*.py")
        for module in imported(file)
        if (here := room(str(file.relative_to(ROOT)), known)) and (there := room(module, known))
        if known.index(there) > known.index(here) or ("drivers/" in here and "drivers/" in there and here != there)
    ]

    assert [] == wrong
    assert {name for path in ROOT.iterdir() if path.is_dir() for name in [path.name]} - {"__pycache__"} <= set(known)
