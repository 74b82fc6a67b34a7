"""``falcohost``: parses Falco's flags and dispatches to the subcommands.

A subcommand's module is imported only when the subcommand is used, so that every command starts fast. A name that is
not falcohost's own is looked up among the plugins' commands (:mod:`falcohost.cli.plugin_commands`).
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from falcohost.cli import complete, plugin_commands
from falcohost.cli.ending import INTERRUPTED, complain, run_and_exit
from falcohost.cli.flags import Flags
from falcohost.cli.seconds import Seconds
from falcohost.host.environment import restore
from falcohost.terminal import refuses_colour

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: Subcommands: the module below :mod:`falcohost.cli`, and the line in the help.
COMMANDS = {
    "run": "Monitor this host, or read files, and print alerts.",
    "inspect": "Show the events of a capture, or of this host.",
    "record": "Write the events of this host to a capture.",
    "rules": "Explain rules and show their cost.",
    "alerts": "Print stored alerts.",
    "tune": "Propose exceptions of a rule from its stored alerts.",
    "silence": "Have alerts of a rule stored, but delivered to nobody for a while.",
    "actions": "Print what is done about alerts; stop and resume it.",
    "store": "Print what is stored; check and repair the store.",
    "stats": "Print statistics of the running agent.",
    "fields": "List the fields that rules can use.",
    "plugins": "List the installed plugins.",
    "doctor": "Check whether falcohost can start as it is configured.",
    "upgrade": "Have the running agent go over to the installed version.",
    "completion": "Print a shell completion script.",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *plugin_commands.listed(ctx, COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return plugin_commands.find(ctx, cmd_name, COMMANDS)
        command: click.Command = importlib.import_module(f"falcohost.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            ctx.fail(f"No such command '{args[0]}'.{f' Did you mean {near[0]}?' if near else ''}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # click's own would import every command for its line of help.
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        if theirs := plugin_commands.listed(ctx, COMMANDS):
            with formatter.section("Commands of plugins"):
                formatter.write_dl(list(theirs.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        # As above: do not import every command.
        lines = COMMANDS | plugin_commands.listed(ctx, COMMANDS)
        commands = [CompletionItem(name, help=line) for name, line in lines.items() if name.startswith(incomplete)]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
# Eager, so that the help can list the commands of configured plugins.
@click.option("-c", "config", metavar="PATH", is_eager=True, help="Configuration file.")
@click.option(
    "-o",
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VAL",
    is_eager=True,
    shell_complete=complete.keys,
    help="Set a configuration key.",
)
@click.option("-r", "rules", multiple=True, metavar="PATH", help="Rules file or folder, instead of those configured.")
@click.option("-V", "--validate", multiple=True, metavar="FILE", help="Validate a rules file and exit.")
@click.option("-L", "describe_all", is_flag=True, help="Describe all rules and exit.")
@click.option("-l", "describe", metavar="RULE", shell_complete=complete.rules, help="Describe one rule and exit.")
@click.option(
    "--list",
    "listed",
    is_flag=False,
    flag_value="",
    metavar="[SOURCE]",
    shell_complete=complete.sources,
    help="List fields and exit.",
)
@click.option("--list-events", is_flag=True, help="List the event types of each source and exit.")
@click.option("--list-plugins", is_flag=True, help="List the loaded plugins and exit.")
@click.option("--plugin-info", metavar="NAME", shell_complete=complete.plugins, help="Describe a plugin and exit.")
@click.option("-N", "names_only", is_flag=True, help="With --list: print names only.")
@click.option(
    "--format",
    "form",
    metavar="text|markdown|json",
    shell_complete=complete.one_of("text", "markdown", "json"),
    help="Format for --list and --list-events.",
)
@click.option("--markdown", is_flag=True, help="Same as --format markdown (deprecated).")
@click.option(
    "-D",
    "disable_rules",
    multiple=True,
    metavar="TEXT",
    shell_complete=complete.rules,
    help="Disable rules with TEXT in their name (deprecated).",
)
@click.option(
    "-T",
    "disable_tags",
    multiple=True,
    metavar="TAG",
    shell_complete=complete.tags,
    help="Disable rules with this tag (deprecated).",
)
@click.option(
    "-t",
    "enable_tags",
    multiple=True,
    metavar="TAG",
    shell_complete=complete.tags,
    help="Enable only rules with this tag (deprecated).",
)
@click.option(
    "--enable-source",
    multiple=True,
    metavar="SOURCE",
    shell_complete=complete.sources,
    help="Open only this source; may be repeated.",
)
@click.option(
    "--disable-source",
    multiple=True,
    metavar="SOURCE",
    shell_complete=complete.sources,
    help="Do not open this source; may be repeated.",
)
@click.option("-M", "seconds", type=Seconds(min=0), default=0, metavar="SECONDS", help="Stop after this many seconds.")
@click.option("-U", "--unbuffered", is_flag=True, help="Write each alert immediately.")
@click.option("-p", "--print", "suffix", metavar="FORMAT", help="Append FORMAT to every rule's output (deprecated).")
@click.option("-P", "--pidfile", metavar="FILE", help="Write the process id to FILE.")
@click.option("-v", "--verbose", is_flag=True, help="Print more detail, and tracebacks of bugs.")
@click.option("-i", "ignored", is_flag=True, help="List the event types that are ignored by default and exit.")
@click.option("--dry-run", is_flag=True, help="Check all that a start checks, but process no events.")
@click.option("--version", is_flag=True, help="Print versions and exit.")
@click.option("--support", is_flag=True, help="Print information for a bug report, without secrets, and exit.")
@click.option("--page-size", is_flag=True, help="Print the system's page size and exit.")
@click.option("--rule-schema", is_flag=True, help="Print the JSON schema of rules files and exit.")
@click.option("--config-schema", is_flag=True, help="Print the JSON schema of the configuration and exit.")
@click.pass_context
def cli(ctx: click.Context, /, **given: Any) -> None:
    """Detect suspicious activity in event streams, with rules in Falco's language.

    Without a command, falcohost starts the agent and accepts Falco's options.
    """
    if refuses_colour():
        ctx.color = False
    ctx.obj = Flags(**given)
    if ctx.invoked_subcommand not in (None, "run"):
        restore()
    if ctx.invoked_subcommand is None:
        from falcohost.cli.falco import follow

        ctx.exit(follow(ctx.obj))


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: status 0 on success; otherwise print ``Error: `` and a sentence, status 1."""
    given = sys.argv[1:] if arguments is None else list(arguments)

    def parsed() -> object:
        try:
            return cli.main(given, prog_name="falcohost", standalone_mode=False)
        except click.ClickException as error:
            return complain(error.format_message())
        except click.Abort:
            return INTERRUPTED

    run_and_exit(parsed, verbose=bool({"-v", "--verbose"} & set(given)))
