"""Runs what the command line asks for, and ends with its exit status: errors are told in a sentence.

It does without click, which the agent's supervisor would have for as long as it runs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from typing import Final, NoReturn

from falcohost.engine.texts import printable_lines
from falcohost.errors import FalcohostError
from falcohost.host.shortage import shortage

#: The output cannot take any more: a full disk or quota, or a limit on the size of a file.
_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))

#: The exit status of who was interrupted.
INTERRUPTED: Final = 130


def run_and_exit(run: Callable[[], object], *, verbose: bool) -> NoReturn:
    """Call *run* and exit: with the status that it returns; on an error with 1, or that of the error.

    :param verbose: raise a bug again, so that Python prints where it is.
    """
    try:
        status = run()
    except FalcohostError as error:
        status = complain(str(error), error.exit_status)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        status = 1
    except Exception as error:
        status = _failed(error, verbose=verbose)
    sys.exit(status if isinstance(status, int) else 0)


def complain(text: str, status: int = 1) -> int:
    """Print an error; return the exit status."""
    with contextlib.suppress(AttributeError):  # there is no stderr
        sys.stderr.write(f"Error: {printable_lines(text)}\n")
        sys.stderr.flush()
    return status


def _discard_output() -> None:
    """Discard what Python still buffers for stdout, which cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(error: Exception, *, verbose: bool) -> int:
    """Say what is short, or that *error* is a bug; if *verbose*, raise a bug again."""
    if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
        _discard_output()
        return complain(f"cannot write the output: {error.strerror}")
    if (short := shortage(error)) is not None:
        return complain(short)
    if verbose:
        raise error
    return complain(f"this is a bug in falcohost: {type(error).__name__}: {error}. Add -v to see where.")
