"""falcohost's alerts about itself: all of them, with what switches each off.

docs/internal_alerts.md and the keys ``falcohost.internal.*`` come from this table. Whoever raises one has its name as a
constant; a test compares.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from falcohost.alert import Priority

#: How the names of our own begin; those of Falco's begin with the second.
OURS: Final = "Falcohost internal: "
FALCOS: Final = "Falco internal: "

_CRITICAL, _ERROR, _WARNING = Priority.CRITICAL, Priority.ERROR, Priority.WARNING
_NOTICE, _INFO, _DEBUG = Priority.NOTICE, Priority.INFORMATIONAL, Priority.DEBUG


class InternalAlert(Struct, frozen=True):
    """One alert.

    :ivar rule: its rule.
    :ivar when: when it is raised.
    :ivar other_key: the key that switches it off, if that is no key of ``falcohost.internal``.
    :ivar default: it is raised unless it is switched off.
    """

    rule: str
    priority: Priority
    when: str
    other_key: str = ""
    default: bool = True

    @property
    def name(self) -> str:
        """Return its key below ``falcohost.internal``."""
        return self.rule.partition(": ")[2].replace(" ", "_")

    @property
    def key(self) -> str:
        """Return the key that switches it off."""
        return self.other_key or f"falcohost.internal.{self.name}"


ALERTS: Final = (
    InternalAlert(
        f"{FALCOS}syscall event drop",
        _DEBUG,
        "events of the source `syscall` were lost: more than a share of them in a second",
        "syscall_event_drops.actions",
    ),
    InternalAlert(
        f"{FALCOS}hot restart failure", _CRITICAL, "configuration or rules were refused; the former ones stay in use"
    ),
    InternalAlert(
        f"{FALCOS}metrics snapshot",
        _INFO,
        "each `metrics.interval`, about each source",
        "metrics.output_rule",
        default=False,
    ),
    InternalAlert(
        f"{FALCOS}capture size limit reached", _INFO, "a capture has ended because it has `capture.max_file_size_mb`"
    ),
    InternalAlert(
        f"{OURS}capture not recorded",
        _WARNING,
        "a capture could not begin, or ended early: there are too many, the disk is full, or the folder is not safe",
    ),
    InternalAlert(
        f"{OURS}reload",
        _NOTICE,
        "other rules, or another certificate or secret, are used from now on, or the agent starts anew in place",
    ),
    InternalAlert(f"{OURS}agent started", _NOTICE, "all sources are open, or cannot be opened", default=False),
    InternalAlert(f"{OURS}agent stopped", _NOTICE, "a signal stops the agent; it is the last alert"),
    InternalAlert(
        f"{OURS}heartbeat",
        _INFO,
        "each `falcohost.heartbeat` seconds, so that a receiver notices when alerts do not come any more",
        "falcohost.heartbeat",
        default=False,
    ),
    InternalAlert(f"{OURS}source down", _ERROR, "a source has not been open for 10 s"),
    InternalAlert(f"{OURS}source up again", _NOTICE, "it is open again"),
    InternalAlert(f"{OURS}source failing", _ERROR, "a source is open, but has not reached what it reads for 60 s"),
    InternalAlert(f"{OURS}source works again", _NOTICE, "it reaches that again"),
    InternalAlert(f"{OURS}lookup failing", _ERROR, "a lookup has not reached what it asks for 15 s"),
    InternalAlert(f"{OURS}lookup works again", _NOTICE, "it reaches that again"),
    InternalAlert(f"{OURS}source stalled", _CRITICAL, "a worker or loader is stopped, or does not come back"),
    InternalAlert(
        f"{OURS}events do not arrive",
        _CRITICAL,
        "system calls of the supervisor are not seen: the probe was detached or changed, or its worker is behind",
    ),
    InternalAlert(f"{OURS}events arrive again", _NOTICE, "they are seen again"),
    InternalAlert(f"{OURS}agent tampered with", _CRITICAL, "somebody has changed what the agent has in the kernel"),
    InternalAlert(f"{OURS}worker ended", _CRITICAL, "a worker or loader has ended unasked, and is replaced"),
    InternalAlert(
        f"{OURS}events left unread",
        _CRITICAL,
        "what was collected before a change of rules or a restart could not be read and stored, and is given up",
    ),
    InternalAlert(f"{OURS}process restarted", _CRITICAL, "store, outputs or endpoints have ended, and are replaced"),
    InternalAlert(
        f"{OURS}no process",
        _CRITICAL,
        "a process cannot be started, since the system or a limit allows no more; it is tried again and again",
    ),
    InternalAlert(f"{OURS}forbidden system call", _CRITICAL, "a worker made a system call that its job does not need"),
    InternalAlert(f"{OURS}worker sent an invalid message", _CRITICAL, "a worker was killed for what it has sent"),
    InternalAlert(f"{OURS}message kept aside", _CRITICAL, "a worker's message has ended the store process twice"),
    InternalAlert(f"{OURS}supervisor hangs", _CRITICAL, "the supervisor has said nothing for 10 s"),
    InternalAlert(f"{OURS}supervisor works again", _NOTICE, "it says something again"),
    InternalAlert(f"{OURS}supervisor ended", _CRITICAL, "the supervisor was killed, and all others end"),
    InternalAlert(f"{OURS}rule undecided", _WARNING, "a rule needs more of an event than is known"),
    InternalAlert(f"{OURS}action", _WARNING, "an action was taken on an alert, or not, with what has come of it"),
    InternalAlert(f"{OURS}silence", _NOTICE, "somebody has silenced a rule, or ended a silence"),
    InternalAlert(f"{OURS}alerts held back", _NOTICE, "`falcohost.limits` has held alerts of a rule back for long"),
    InternalAlert(f"{OURS}too many alerts", _WARNING, "a source raises more than `falcohost.alerts.max_per_second`"),
    InternalAlert(
        f"{OURS}alerts given up",
        _CRITICAL,
        "alerts are gone before every output had them: the store is at its limits, or had them only in memory",
    ),
    InternalAlert(f"{OURS}output lags", _ERROR, "alerts have been waiting for an output for 60 s, which takes none"),
    InternalAlert(f"{OURS}output delivers again", _NOTICE, "it has taken what waited"),
    InternalAlert(f"{OURS}output refuses alerts", _ERROR, "a receiver refused alerts for good; once a minute at most"),
    InternalAlert(f"{OURS}store cannot write", _CRITICAL, "alerts have waited for the disk for 5 s: it is full, say"),
    InternalAlert(f"{OURS}store writes again", _NOTICE, "they are written"),
    InternalAlert(f"{OURS}state deleted", _CRITICAL, "the state folder, or the database in it, is gone or replaced"),
    InternalAlert(f"{OURS}state damaged", _CRITICAL, "the database was damaged, and was put aside for a new one"),
    InternalAlert(f"{OURS}state in memory", _CRITICAL, "a run began without a state folder that can be used"),
    InternalAlert(f"{OURS}state kept again", _NOTICE, "it can be used by now: the agent starts anew in place"),
    InternalAlert(f"{OURS}clock jumped", _WARNING, "somebody has set the time of day by more than 2 s"),
)  # fmt: skip
