"""Checks of whole items: unused macros and lists, rules that are never reported, missing tags, plain texts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from falcohost.engine.explain.shadow import shadows
from falcohost.rules.codes import WarningCode
from falcohost.rules.definitions import RuleDef
from falcohost.rules.lint.finding import Finding
from falcohost.rules.lint.subject import Subject, about, beginning
from falcohost.rules.outline import origin
from falcohost.rules.places import START
from falcohost.rules.results import Problem, Spot
from falcohost.rules.statistics import why_never

#: The tag of a technique of ATT&CK, or of a part of one.
TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?")

#: Warnings of loading for which there are checks of their own.
_TOLD_OTHERWISE = (WarningCode.LOAD_UNUSED_MACRO, WarningCode.LOAD_UNUSED_LIST)
_NEVER = "the rule can never fire"


def unused(subject: Subject) -> Iterator[Finding]:
    """Yield macros and lists that are not used."""
    used, collector = subject.outcome.compiled.used, subject.outcome.collector
    mend = "remove it, or use it; if others are to append to it, use it in a condition and let it be empty"
    for macro in collector.macros.values():
        if macro.name not in used["macro"]:
            yield about(macro, "unused-macro", f"nothing uses the macro {macro.name}", mend)
    for found in collector.lists.values():
        if found.name not in used["list"]:
            yield about(found, "unused-list", f"nothing uses the list {found.name}", mend)


def never(subject: Subject) -> Iterator[Finding]:
    """Yield rules that no event can match."""
    for compiled in subject.rules:
        if compiled.rule is not None and (why := why_never(compiled.rule, compiled.never)):
            spot = beginning(compiled.definition.condition_context)
            mend = "correct the condition, or remove the rule"
            yield about(compiled.definition, "never-fires", f"the rule can never fire: {why}", mend, spot=spot)


def shadowed(subject: Subject) -> Iterator[Finding]:
    """Yield enabled rules that are never reported, since an earlier one matches whenever they do."""
    ruleset, defined = subject.outcome.ruleset, subject.outcome.collector.rules
    for source in ruleset.sources() if subject.first else ():
        for one in shadows(ruleset.enabled(source)):
            by = origin("rule", one.by.name, defined[one.by.name].context)
            what = f"the rule is never reported: '{by.name}' ({by.file}:{by.line}) matches whenever it does"
            mend = f"put it before '{by.name}', except in that rule what this one is for, or set rule_matching: all"
            yield about(defined[one.rule.name], "shadowed-rule", what, mend)


def tags(subject: Subject) -> Iterator[Finding]:
    """Yield rules without a tag for their maturity, or for a technique."""
    for rule in _defined(subject):
        mature = [tag for tag in rule.tags if tag.startswith("maturity_")]
        if len(mature) != 1:
            what = f"the rule has {len(mature)} tags for its maturity: {', '.join(mature)}"
            what = what if mature else "the rule has no tag for its maturity"
            mend = "tag it with one of maturity_stable, maturity_incubating, maturity_sandbox"
            yield about(rule, "no-maturity", what, mend)
        if not any(TECHNIQUE.fullmatch(tag) for tag in rule.tags):
            mend = "add the number of the technique, such as T1059, to its tags"
            yield about(rule, "no-technique", "the rule has no tag for a technique of ATT&CK", mend)


def texts(subject: Subject) -> Iterator[Finding]:
    """Yield rules whose texts say nothing."""
    for rule in _defined(subject):
        said = rule.description.strip(" .").lower()
        if said in ("", rule.name.strip(" .").lower()):
            what = "the description says no more than the name" if said else "the description is empty"
            yield about(rule, "no-description", what, "say what has happened, and what to do about it")
        if "%" not in rule.output.value:
            spot = beginning(rule.output_context)
            what = "the output has no field: all its alerts are equal"
            yield about(rule, "plain-output", what, "add fields, such as %evt.time, to the output", spot=spot)


def warnings(subject: Subject) -> Iterator[Finding]:
    """Yield the warnings of loading."""
    for problem in subject.outcome.results[-1].warnings if subject.outcome.results else ():
        if problem.code not in _TOLD_OTHERWISE and not problem.message.startswith(_NEVER):
            yield _warning(problem)


def _warning(problem: Problem) -> Finding:
    context = problem.context
    places = [one for one in context.locations if one.kind != "condition expression"]
    item = next((one for one in places if one.kind in ("rule", "macro", "list")), None)
    wide = problem.code is WarningCode.LOAD_NO_EVTTYPE
    said = problem.said or problem.message or problem.code.value
    return Finding(
        check="no-event-type" if wide else "load-warning",
        spot=problem.spot or Spot(context.file, places[-1].place if places else START),
        what="the rule is evaluated for too many types of events" if wide else f"{said} ({problem.code.name})",
        mend="name the types: evt.type in (…)" if wide else problem.hint or "see what falcohost -V says of it",
        within=f"{item.kind} '{item.name}'" if item else "",
        head=item.place.line if item else None,
    )


def _defined(subject: Subject) -> Iterator[RuleDef]:
    return (compiled.definition for compiled in subject.rules)
