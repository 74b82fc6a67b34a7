"""Measures how many one-line faults the tests catch: mutates the code, and runs the nearest tests for each mutation.

    script/bench mutations pick --count 40 --seed 12 > list.json
    script/bench mutations run list.json [--tree CHECKOUT] [--seconds 120]

A mutation is drawn evenly from all lines of core and plugins that one of the operators below changes, and there evenly
from what they may do. A list is run on any checkout with a .venv that has the same lines, wherever they have moved to,
so that two states of the tests are compared by the same faults. A fault counts as caught if a test fails that passes
without it, or if the run does not end; what is not caught in the time may still be caught by tests that are farther
away, so the share is a lower bound.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "script"
sys.path.insert(0, str(SCRIPT))

from touched import nearest  # noqa: E402

#: One operator becomes another.
SWAPPED: dict[type[ast.AST], tuple[str, str]] = {
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"), ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"), ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"), ast.And: ("and", "or"), ast.Or: ("or", "and"), ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"), ast.Mult: ("*", "+"), ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "+"), ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"), ast.LShift: ("<<", ">>"), ast.RShift: (">>", "<<"),
}  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """A line that becomes another, and the lines around it by which it is found again."""

    file: str
    number: int
    above: str
    line: str
    below: str
    mutated: str


def sources(tree: Path) -> list[Path]:
    """Return the code that is mutated."""
    found = [*(tree / "core/falcohost").rglob("*.py"), *tree.glob("plugins/*/falcohost_*/**/*.py")]
    return sorted(path for path in found if path.name != "__init__.py")


def edits(source: str) -> Iterator[tuple[int, int, int, str]]:
    """Yield the possible changes: line, first column, column after the last, and the new text."""
    lines = source.splitlines()
    for node in executed(ast.parse(source)):
        if isinstance(node, (ast.Compare, ast.BoolOp, ast.BinOp, ast.AugAssign)):
            yield from operators(node, lines)
        elif getattr(node, "lineno", 0) != getattr(node, "end_lineno", -1):
            continue
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node.lineno, node.col_offset, node.operand.col_offset, ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, (bool, int)):
            changed = not node.value if isinstance(node.value, bool) else node.value + 1
            yield node.lineno, node.col_offset, node.end_col_offset or 0, str(changed)
        elif isinstance(node, ast.Return) and node.value is not None:
            yield node.lineno, node.col_offset, node.end_col_offset or 0, "return None"
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield node.lineno, node.col_offset, node.end_col_offset or 0, "pass"
        elif isinstance(node, (ast.Continue, ast.Break)):
            word = "break" if isinstance(node, ast.Continue) else "continue"
            yield node.lineno, node.col_offset, node.end_col_offset or 0, word


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below *node*, without annotations and types, which nothing runs."""
    if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns"):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from executed(child)


def operators(node: ast.AST, lines: list[str]) -> Iterator[tuple[int, int, int, str]]:
    """Yield the operators of *node* that stand on one line with what is on both sides."""
    if isinstance(node, ast.Compare):
        pairs = zip([node.left, *node.comparators], node.ops, node.comparators, strict=False)
    elif isinstance(node, ast.BoolOp):
        pairs = zip(node.values, [node.op] * len(node.values), node.values[1:], strict=False)
    elif isinstance(node, ast.BinOp):
        pairs = iter([(node.left, node.op, node.right)])
    else:
        assert isinstance(node, ast.AugAssign)
        pairs = iter([(node.target, node.op, node.value)])
    for left, operator, right in pairs:
        if type(operator) not in SWAPPED or left.end_lineno != right.lineno:
            continue
        before, after = SWAPPED[type(operator)]
        begin = left.end_col_offset or 0
        text = lines[right.lineno - 1].encode()[begin : right.col_offset].decode()
        if text.count(before) == 1:
            at = begin + text.index(before)
            yield right.lineno, at, at + len(before), after


def candidates(tree: Path) -> Iterator[list[Mutation]]:
    """Yield for each line that can be mutated what it may become."""
    for path in sources(tree):
        source = path.read_text()
        lines = source.splitlines()
        found: dict[int, list[Mutation]] = {}
        for number, begin, end, text in edits(source):
            line = lines[number - 1].encode()
            mutated = (line[:begin] + text.encode() + line[end:]).decode()
            above, below = (*lines[number - 2 : number - 1], "")[0], (*lines[number : number + 1], "")[0]
            if mutated != lines[number - 1]:
                one = Mutation(str(path.relative_to(tree)), number, above, lines[number - 1], below, mutated)
                found.setdefault(number, []).append(one)
        yield from found.values()


def find(tree: Path, mutation: Mutation) -> tuple[Path, int] | None:
    """Return where the mutation's line is in *tree*; None if it is nowhere, or in several places alike."""
    wanted, places = [mutation.above, mutation.line, mutation.below], []
    for path in sources(tree):
        lines = ["", *path.read_text().splitlines(), ""]
        places += [(path, at) for at in range(1, len(lines) - 1) if lines[at - 1 : at + 2] == wanted]
    same = [place for place in places if place[0].name == Path(mutation.file).name]
    return next((found[0] for found in (same, places) if len(found) == 1), None)


class Run:
    """Runs mutations on one checkout."""

    def __init__(self, tree: Path, seconds: float) -> None:
        self._tree = tree
        self._seconds = seconds

    def verdict(self, mutation: Mutation) -> tuple[str, str]:
        """Return whether the tests catch it: ``caught``, ``survived``, ``absent`` or ``unsure``; and by what."""
        place = find(self._tree, mutation)
        if place is None:
            return "absent", ""
        path, number = place
        source = path.read_text()
        lines = source.split("\n")
        lines[number - 1] = mutation.mutated
        tests = [str(test) for test in nearest(self._tree, [path])]
        path.write_text("\n".join(lines))
        try:
            code, said = self._pytest(tests)
        finally:
            path.write_text(source)
        if code in (0, 5):
            return "survived", ""
        failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", said, re.MULTILINE)
        if failed is not None and self._pytest([failed[1]])[0] != 0:
            return "unsure", f"{failed[1]} fails without it"
        return "caught", failed[1] if failed is not None else "no end" if code is None else said.strip()[-200:]

    def _pytest(self, tests: list[str]) -> tuple[int | None, str]:
        """Return pytest's status, None if it did not end, and what it printed."""
        code = (
            f"import sys; sys.path.append({str(SCRIPT)!r}); import pytest, touched\n"
            f"options = ['-x', '-q', '-rfE', '--tb=no', '-p', 'no:cacheprovider', '--timeout=60']\n"
            f"sys.exit(pytest.main([*options, *sys.argv[1:]], plugins=[touched.Deadline({self._seconds})]))"
        )
        command = [str(self._tree / ".venv/bin/python"), "-c", code, *tests]
        try:
            done = subprocess.run(command, capture_output=True, text=True, cwd=self._tree, timeout=self._seconds + 180)
        except subprocess.TimeoutExpired:
            return None, ""
        return done.returncode, done.stdout


def pick(count: int, seed: int) -> None:
    """Print a list of mutations of this checkout."""
    draw = random.Random(seed)
    lines = list(candidates(ROOT))
    print(json.dumps([asdict(draw.choice(line)) for line in draw.sample(lines, count)], indent=1))


def run(file: Path, tree: Path, seconds: float) -> None:
    """Run the mutations in *file* on *tree*; print a table and the figures."""
    mutations = [Mutation(**row) for row in json.loads(file.read_text())]
    if subprocess.run(["git", "diff", "--quiet"], cwd=tree).returncode:
        sys.exit(f"{tree} has changes that are not committed: mutations are written there")
    runner, counts = Run(tree, seconds), dict.fromkeys(("caught", "survived", "absent", "unsure"), 0)
    for mutation in mutations:
        begun = time.monotonic()
        verdict, by = runner.verdict(mutation)
        counts[verdict] += 1
        change = f"{mutation.line.strip()}  →  {mutation.mutated.strip()}"
        print(f"{verdict:9}{time.monotonic() - begun:5.0f} s  {mutation.file}:{mutation.number}: {change}", flush=True)
        if by:
            print(f"{'':18}{by}", flush=True)
    share = counts["caught"] / max(counts["caught"] + counts["survived"], 1)
    print(f"{counts['caught']} of {counts['caught'] + counts['survived']} caught ({share:.0%})")
    print(json.dumps({**counts, "share": round(share, 3)}))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    picking = commands.add_parser("pick", help="print a list of mutations of this checkout")
    picking.add_argument("--count", type=int, default=40)
    picking.add_argument("--seed", type=int, default=12)
    running = commands.add_parser("run", help="run a list")
    running.add_argument("list", type=Path)
    running.add_argument("--tree", type=Path, default=ROOT)
    running.add_argument("--seconds", type=float, default=120.0, help="for the tests of one mutation")
    arguments = parser.parse_args()
    if arguments.command == "pick":
        pick(arguments.count, arguments.seed)
    else:
        run(arguments.list, arguments.tree.resolve(), arguments.seconds)


if __name__ == "__main__":
    main()
