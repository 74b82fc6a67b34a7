"""``falcohost alerts verdict``: keeps what somebody found who has looked into an alert."""

from __future__ import annotations

import click

from falcohost.cli import complete
from falcohost.cli.changing import change, own_name
from falcohost.cli.flags import Flags
from falcohost.cli.wanted import STATE_DIR
from falcohost.engine.texts import valid
from falcohost.host.config import load_config
from falcohost.store.directory import state_directory
from falcohost.store.orders import GiveVerdict
from falcohost.store.verdicts import KINDS, Kind

_EXAMPLE = """\b
Example: falcohost alerts verdict 5f0c9e3a8d1b42c7a6e0f1d2 benign --note 'the nightly backup'
"""


@click.command(name="verdict", epilog=_EXAMPLE)
@click.argument("alert", metavar="ID", shell_complete=complete.alerts)
@click.argument("verdict", type=click.Choice(KINDS), metavar="true|false|benign")
@click.option("--note", default="", metavar="TEXT", help="Why, in words.")
@click.option("--by", default="", metavar="NAME", help="Who found it; default: the user who runs this.")
@STATE_DIR
@click.pass_obj
def command(flags: Flags, alert: str, verdict: Kind, note: str, by: str, state_dir: str | None) -> None:
    """Keep a verdict about the alert with this id, which falcohost alerts --ids prints.

    true: it was what the rule looks for. false: it was a false alarm. benign: it was what the rule looks for, and
    somebody was allowed to do it. A later verdict takes the place of an earlier one. Who gave it and when is kept.
    """
    config = load_config(flags.config, flags.options)
    directory = state_directory(state_dir or config.state.directory)
    change(directory, config, GiveVerdict(valid(alert), verdict, valid(note), valid(by) or own_name()))
    click.echo(f"Alert {alert} has the verdict {verdict}.")
