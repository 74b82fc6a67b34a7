"""The command line's options for a run of the agent."""

from __future__ import annotations

from msgspec import Struct

from falcohost.outputs.stdout import STDOUT


class AgentOptions(Struct, frozen=True, kw_only=True):
    """The command line's options for a run.

    :ivar summary: descriptor to which the summary is written at the end; *json_summary*: as one line of JSON.
    :ivar once: the sources are read once; one that gives up ends the run.
    """

    enable_sources: tuple[str, ...] = ()
    disable_sources: tuple[str, ...] = ()
    seconds: float = 0
    unbuffered: bool = False
    verbose: bool = False
    pidfile: str | None = None
    progress: bool = False
    once: bool = False
    summary: int = STDOUT
    json_summary: bool = False
