"""``falcohost tune``: proposes exceptions of a rule that would have removed false alarms, and checks them."""

from __future__ import annotations

import contextlib
import os
from collections import Counter

import click

from falcohost.cli import complete
from falcohost.cli.flags import Flags
from falcohost.cli.jsonline import pretty_json
from falcohost.cli.tune_check import Checked, Tuner
from falcohost.cli.wanted import LARGEST, STATE_DIR, nanoseconds
from falcohost.engine.texts import printable, valid
from falcohost.errors import ConfigError, StateError
from falcohost.store.directory import state_directory
from falcohost.store.history import History, Wanted, exactly

#: So many of the last alerts are read, if nothing else is said.
_LAST = 2000

_EXAMPLE = """\b
Example:
  falcohost tune 'Password hashes read' --write /etc/falcohost/rules.d/tuned_rules.yaml
"""


@click.command(name="tune", epilog=_EXAMPLE)
@click.argument("rule", metavar="RULE", shell_complete=complete.rules)
@click.option("--since", metavar="WHEN", help="Only alerts since a time, or of the last 30m, 2h, 7d.")
@click.option(
    "-n", "--last", type=click.IntRange(1, LARGEST), default=_LAST, metavar="COUNT", help="Only the last COUNT alerts."
)
@click.option("--unjudged", is_flag=True, help="Take alerts without a verdict for false alarms, too.")
@click.option("--write", "path", metavar="FILE", type=click.Path(), help="Write an exception to this new rules file.")
@click.option(
    "--pick", type=click.IntRange(min=1), default=1, metavar="NUMBER", help="With --write: which; default: 1."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@STATE_DIR
@click.pass_obj
def command(
    flags: Flags,
    rule: str,
    since: str | None,
    last: int,
    unjudged: bool,
    path: str | None,
    pick: int,
    as_json: bool,
    state_dir: str | None,
) -> None:
    """Propose exceptions of a rule that would have removed its false alarms, and show what each would have removed.

    They come from stored alerts with the verdicts false and benign (falcohost alerts verdict). None of them removes an
    alert with the verdict true. Each is checked by evaluating the stored alerts with the changed rule. An exception is
    what somebody can hide behind: the values come from alerts, so look at them first.
    """
    tuner = Tuner(flags, rule)
    wanted = Wanted(nanoseconds(since) if since else 0, rule=exactly(valid(rule)))
    configured = state_dir or flags.configuration().state.directory
    with contextlib.closing(History(state_directory(configured))) as history:
        stored = list(history.numbered(wanted, last=last))
    if not stored:
        raise StateError(f"no alert of the rule '{rule}' is stored")
    noise = {"false", "benign", *([""] if unjudged else [])}
    verdicts = Counter(one.verdict.verdict if one.verdict else "" for one in stored)
    if not any(verdicts[verdict] for verdict in noise):
        what = f"none of the {len(stored):,} stored alerts of the rule has the verdict false or benign"
        raise StateError(f"{what}; falcohost alerts verdict gives one, and --unjudged takes all without one for noise")
    found = tuner.checked(stored, noise)
    if as_json:
        click.echo(pretty_json([one.as_json() for one in found]))
    else:
        click.echo(f"{printable(rule)}: {len(stored):,} stored alerts: {_counted(verdicts)}")
        for number, one in enumerate(found, 1):
            click.echo("\n".join(_lines(number, one, len(stored))))
        if not found:
            click.echo("No exception was found that removes several of the false alarms and no true alert.")
    if path is not None:
        if pick > len(found):
            raise ConfigError(f"--pick {pick}: there are {len(found)} proposals")
        _write(path, found[pick - 1].text)
        if not as_json:
            click.echo(f"\nProposal {pick} is in {path}. Name it in rules_files behind the file of the rule.")


def _counted(verdicts: Counter[str]) -> str:
    texts = [f"{verdicts[kind]:,} {kind}" for kind in ("false", "benign", "true")]
    return f"{', '.join(texts)}, {verdicts['']:,} without a verdict"


def _lines(number: int, one: Checked, total: int) -> list[str]:
    fields = ", ".join(one.proposal.fields)
    removed = f"removes {sum(one.removed.values()):,} of {total:,}: {_counted(one.removed)}"
    lines = ["", f"{number}. {click.style(fields, fg='cyan')} {removed}"]
    for values, count in zip(one.proposal.values, one.proposal.counts, strict=True):
        pairs = zip(one.proposal.fields, values, strict=True)
        lines.append(f"   {', '.join(f'{name} = {value}' for name, value in pairs)} ({count:,})")
    if one.undecided:
        lines.append(f"   {one.undecided:,} alerts do not have all values that the changed rule asks for")
    return lines


def _write(path: str, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
    except FileExistsError:
        raise StateError(f"{path} exists already; name a new file") from None
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}") from error
