"""``falcohost``: Falco's flags, and the way to the commands.

A command's module is imported when the command is called, so that each costs no more than it needs; plugins are asked
for theirs (:mod:`falcohost.cli.plugin_commands`) when falcohost has none of that name.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from falcohost.cli import plugin_commands
from falcohost.cli.flags import Flags
from falcohost.errors import FalcohostError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: Each command's module below :mod:`falcohost.cli`, and its line in the help.
COMMANDS = {
    "run": "Watch this host, or a source, and print alerts.",
    "rules": "Explain rules, and say what they cost.",
    "alerts": "Print what was detected.",
    "stats": "Print the numbers of the running agent, and what events cost.",
    "fields": "List the fields that rules can use.",
    "plugins": "List the plugins that are installed.",
    "doctor": "Say what this machine lacks for the sources to run.",
    "completion": "Print the shell's completion script.",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *plugin_commands.listed(ctx, COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return plugin_commands.find(ctx, cmd_name, COMMANDS)
        command: click.Command = importlib.import_module(f"falcohost.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The lines are known without importing every command.
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        if theirs := plugin_commands.listed(ctx, COMMANDS):
            with formatter.section("Commands of plugins"):
                formatter.write_dl(list(theirs.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        # click's own would import every command for its line of help.
        lines = COMMANDS | plugin_commands.listed(ctx, COMMANDS)
        commands = [CompletionItem(name, help=line) for name, line in lines.items() if name.startswith(incomplete)]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
# Eager, so that the help knows of the plugins that the configuration names.
@click.option("-c", "config", metavar="PATH", is_eager=True, help="Configuration file.")
@click.option(
    "-o", "--option", "options", multiple=True, metavar="KEY=VAL", is_eager=True, help="Set a key of the configuration."
)
@click.option("-r", "rules", multiple=True, metavar="PATH", help="Rules file or folder; default: those configured.")
@click.option("-V", "--validate", multiple=True, metavar="FILE", help="Validate rules files and exit.")
@click.option("-L", "describe_all", is_flag=True, help="Describe all rules and exit.")
@click.option("-l", "describe", metavar="RULE", help="Describe one rule and exit.")
@click.option("--list", "listed", is_flag=False, flag_value="", metavar="[SOURCE]", help="List fields and exit.")
@click.option("--list-events", is_flag=True, help="List the event types of each source and exit.")
@click.option("--list-plugins", is_flag=True, help="List the loaded plugins and exit.")
@click.option("--plugin-info", metavar="NAME", help="Say what a plugin offers and exit.")
@click.option("-N", "names_only", is_flag=True, help="With --list: names only.")
@click.option("--format", "form", metavar="text|markdown|json", help="With --list and --list-events.")
@click.option("--markdown", is_flag=True, help="The same as --format markdown (deprecated).")
@click.option(
    "-D", "disable_rules", multiple=True, metavar="TEXT", help="Turn off rules by a part of the name (deprecated)."
)
@click.option("-T", "disable_tags", multiple=True, metavar="TAG", help="Turn off rules with this tag (deprecated).")
@click.option("-t", "enable_tags", multiple=True, metavar="TAG", help="Turn on only rules with this tag (deprecated).")
@click.option("--enable-source", multiple=True, metavar="SOURCE", help="Watch only these sources.")
@click.option("--disable-source", multiple=True, metavar="SOURCE", help="Do not watch these sources.")
@click.option("-M", "seconds", type=float, default=0, metavar="SECONDS", help="Stop after so many seconds.")
@click.option("-U", "--unbuffered", is_flag=True, help="Write each alert at once.")
@click.option("-p", "--print", "suffix", metavar="FORMAT", help="Append to the output of every rule (deprecated).")
@click.option("-P", "--pidfile", metavar="FILE", help="Write the process id to a file.")
@click.option("-v", "--verbose", is_flag=True, help="Say more, also where a bug shows.")
@click.option("-i", "ignored", is_flag=True, help="Print the events that are ignored by default and exit.")
@click.option("--dry-run", is_flag=True, help="Do everything but process events.")
@click.option("--version", is_flag=True, help="Print versions and exit.")
@click.option("--support", is_flag=True, help="Print what a bug report needs, without secrets, and exit.")
@click.option("--page-size", is_flag=True, help="Print the system's page size and exit.")
@click.option("--rule-schema", is_flag=True, help="Print the JSON schema of rules files and exit.")
@click.option("--config-schema", is_flag=True, help="Print the JSON schema of the configuration and exit.")
@click.pass_context
def cli(ctx: click.Context, /, **given: Any) -> None:
    """Watch for security events with rules in Falco's language.

    Without a command it takes Falco's options, and runs.
    """
    if "NO_COLOR" in os.environ:
        ctx.color = False
    ctx.obj = Flags(**given)
    if ctx.invoked_subcommand is None:
        from falcohost.cli.falco import follow

        ctx.exit(follow(ctx.obj))


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process: 0 if all went well, 1 behind ``Error: `` and a sentence if not."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    _occupy_standard_descriptors()
    try:
        status = cli.main(given, prog_name="falcohost", standalone_mode=False)
    except click.ClickException as error:
        status = _complain(error.format_message())
    except FalcohostError as error:
        status = _complain(str(error), error.exit_status)
    except (KeyboardInterrupt, click.Abort):
        status = 130
    except BrokenPipeError:
        # Whoever read our output has read enough; what Python still holds for stdout goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except Exception as error:
        if {"-v", "--verbose"} & set(given):
            raise
        status = _complain(f"this is a bug in falcohost: {type(error).__name__}: {error}. -v shows where.")
    sys.exit(status if isinstance(status, int) else 0)


def _occupy_standard_descriptors() -> None:
    """Open /dev/null where stdin, stdout or stderr is closed, so that no file of ours gets its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _complain(text: str, status: int = 1) -> int:
    click.echo(f"Error: {text}", err=True)
    return status
