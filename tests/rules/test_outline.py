"""A condition whole, and which macro, list or exception brought in each part of it."""

from falcohost.engine.ir import And, Not, Or
from falcohost.lang.tree import NotNode
from falcohost.rules.outline import Written, origins, outline, written

RULES = """
- list: shells
  items: [bash, "my sh"]
- list: more
  items: [shells, zsh]
- macro: opens
  condition: evt.type = open
- macro: reads
  condition: opens and (fd.num > 2 or fd.num = 0)
- rule: r
  desc: d
  condition: >
    reads and
    proc.name in (more, ash, shells)
  output: o
  priority: INFO
"""

EXCEPTIONS = """
- rule: r
  desc: d
  condition: evt.type = open
  output: o
  priority: INFO
  exceptions:
    - {name: nothing yet, fields: [proc.name]}
    - {name: a shell, fields: proc.name, values: [bash]}
    - {name: both, fields: [proc.name, fd.name], values: [[a, b], [c, d]]}
"""


def outlined(load, catalogs, *texts):
    """Return the outline of the rule ``r``, and its definition."""
    outcome = load(*texts)
    assert outcome.ok
    (compiled,) = [rule for rule in outcome.compiled.rules if rule.definition.name == "r"]
    part = outline(compiled.definition, outcome, catalogs["syscall"])
    assert flat(part.expr) == compiled.rule.condition
    return part, compiled.definition


def flat(expr):
    """Return *expr* with chains in chains of the same kind taken apart, as the compiler has it."""
    if isinstance(expr, Not):
        return Not(flat(expr.item))
    if not isinstance(expr, (And, Or)):
        return expr
    items = []
    for item in map(flat, expr.items):
        items += item.items if isinstance(item, type(expr)) else [item]
    return type(expr)(tuple(items))


def test_macros(load, catalogs):
    """A part knows the macros that it is the whole of, and where they stand."""
    part, _ = outlined(load, catalogs, RULES)
    reads = part.items[0]

    assert [("macro", "reads", "rules.yaml", 8)] == [(one.kind, one.name, one.file, one.line) for one in reads.origins]
    assert ["opens"] == [one.name for one in reads.items[0].origins]
    assert ["reads", "opens", "more", "shells"] == [one.name for one in origins(part)]


def test_a_macro_that_is_another(load, catalogs):
    """A macro that is nothing but another macro is named before it."""
    text = RULES.replace("opens and (fd.num > 2 or fd.num = 0)", "opens")

    assert ["reads", "opens"] == [one.name for one in outlined(load, catalogs, text)[0].items[0].origins]


def test_lists(load, catalogs):
    """Constants know the list that brought them in, the outermost one where lists hold lists."""
    part, _ = outlined(load, catalogs, RULES)

    assert [("more", ("bash", '"my sh"', "zsh")), (None, ("ash",)), ("shells", ("bash", '"my sh"'))] == [
        (group.origin and group.origin.name, group.items) for group in part.items[1].constants
    ]


def test_exceptions(load, catalogs):
    """Each exception that has values is a part of its own."""
    part, _ = outlined(load, catalogs, EXCEPTIONS)

    assert [[], ["a shell"], ["both"]] == [[one.name for one in item.origins] for item in part.items]
    assert all(isinstance(item.node, NotNode) for item in part.items[1:])


def test_only_exceptions_without_values(load, catalogs):
    """Exceptions without values leave the condition as it is."""
    text = EXCEPTIONS.split("    - {name: a shell")[0]

    assert () == outlined(load, catalogs, text)[0].origins


def test_written(load, catalogs):
    """The condition is shown as it stands in the files, in as many parts as there are items that wrote it."""
    more = "- rule: r\n  append: true\n  condition: and fd.num > 7\n"
    _, definition = outlined(load, catalogs, RULES, more)

    assert [
        Written("rules.yaml", 12, "reads and\nproc.name in (more, ash, shells)"),
        Written("rules2.yaml", 3, "and fd.num > 7"),
    ] == written(definition)
