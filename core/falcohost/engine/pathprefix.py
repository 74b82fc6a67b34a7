"""The operator ``pmatch``: tests whether one of several paths is a prefix of the value, component by component."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec import Struct, field

from falcohost.engine.globs import Predicate, glob


class _Node(Struct):
    """The components that may follow those so far."""

    plain: dict[str, _Node] = field(default_factory=dict)
    globs: dict[str, tuple[Predicate, _Node]] = field(default_factory=dict)
    ends: bool = False


def path_prefix(paths: Iterable[str]) -> Callable[[str], bool]:
    """Return a predicate: one of *paths* is a prefix of the value. Empty components are ignored."""
    root = _Node()
    for path in paths:
        _add(root, _components(path))
    return lambda value: _matches(root, _components(value))


def _components(path: str) -> list[str]:
    return [component for component in path.split("/") if component]


def _add(node: _Node, components: list[str]) -> None:
    for component in components:
        if any(char in component for char in "?*["):
            node = node.globs.setdefault(component, (glob(component), _Node()))[1]
        else:
            node = node.plain.setdefault(component, _Node())
    node.ends = True


def _matches(root: _Node, components: list[str]) -> bool:
    """Follow all branches that fit, component by component; the size of the tree bounds the work per component."""
    reached = [root]
    for component in components:
        if any(node.ends for node in reached):
            return True
        reached = [following for node in reached for following in _following(node, component)]
        if not reached:
            return False
    return any(node.ends for node in reached)


def _following(node: _Node, component: str) -> list[_Node]:
    found = [child for matches, child in node.globs.values() if matches(component)]
    child = node.plain.get(component)
    if child is not None:
        found.append(child)
    return found
