"""The command line: ``falcohost`` with Falco's flags, and its subcommands, one file each."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from falcohost.cli.flags import Flags


def main() -> NoReturn:
    """Run the command line of this process."""
    if os.getpid() == 1:  # to which the kernel delivers no signal without a handler
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    _occupy_standard_descriptors()
    interrupts = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interrupts:  # while modules are imported, Ctrl-C ends the process without a word
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from falcohost.host.environment import begin

    begin(sys.argv[1:])
    from falcohost.host.packed import delay

    delay()
    from falcohost.cli.plain import plain_flags

    run = _command() if (flags := plain_flags(sys.argv[1:])) is None else _start(flags)
    if interrupts:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


def _command() -> Callable[[], NoReturn]:
    from falcohost.cli.app import run

    return run


def _start(flags: Flags) -> Callable[[], NoReturn]:
    from falcohost.host.packed import leave_out

    leave_out()
    from falcohost.cli.ending import run_and_exit
    from falcohost.cli.start import start

    return functools.partial(run_and_exit, functools.partial(start, flags), verbose=flags.verbose)


def _occupy_standard_descriptors() -> None:
    """Open /dev/null for each of stdin, stdout and stderr that is closed, so that no other file gets its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))
