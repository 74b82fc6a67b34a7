"""Says where a plugin imports what is not public: ``path:line: module: name``. Exits 1 if there is any such place.

Looks through the packages of this distribution's plugins, the rules that they share, and the examples with their tests.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from falcohost.api import MODULES

ROOT = Path(__file__).resolve().parent.parent
LOOKED_THROUGH = ("plugins/*/falcohost_*", "rules/falcohost_rules", "examples/*")

#: Only tests may import it, since it needs pytest.
TESTING = "falcohost.testing"


def violations(path: Path) -> Iterator[str]:
    """Yield a sentence for each import in the file *path* that a plugin may not have."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        for module, name in _imported(node):
            problem = _problem(module, name, path)
            if problem is not None:
                yield f"{path}:{node.lineno}: {problem}"  # type: ignore[attr-defined]


def _imported(node: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yield what *node* imports of falcohost: the module, and the name in it if it names one."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, None) for alias in node.names if _is_ours(alias.name))
    elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level and _is_ours(node.module):
        yield from ((node.module, alias.name) for alias in node.names)


def _is_ours(module: str) -> bool:
    return module == "falcohost" or module.startswith("falcohost.")


def _problem(module: str, name: str | None, path: Path) -> str | None:
    if name is not None and f"{module}.{name}" in MODULES:
        module, name = f"{module}.{name}", None
    if module not in MODULES:
        return f"{module} is not public; falcohost.api.MODULES lists what is"
    if name is not None and name not in importlib.import_module(module).__all__:
        return f"{name} is not public in {module}"
    if module == TESTING and "tests" not in path.parts:
        return f"{module} is for tests"
    return None


def main(folders: Sequence[str]) -> int:
    """Print all violations in *folders*, or in those of this repository; return the exit status."""
    roots = [Path(folder) for folder in folders] or [path for form in LOOKED_THROUGH for path in ROOT.glob(form)]
    found = [text for root in roots for path in sorted(root.rglob("*.py")) for text in violations(path)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
