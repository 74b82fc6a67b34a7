"""Lost events: every loss is counted and logged; of lost system calls Falco's alert is raised as configured."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping

from falcohost.alert import Alert, Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.engine.alerts import AlertMaker
from falcohost.host.config.sections import DropsConfig
from falcohost.host.numbers import NOTHING, Numbers
from falcohost.log import log

RULE = "Falco internal: syscall event drop"

#: Output fields of Falco's alert beside n_evts and n_drops; a cause of the source that has such a name counts there.
FIELDS = (
    "n_drops_buffer_total",
    "n_drops_buffer_clone_fork_exit",
    "n_drops_buffer_execve_exit",
    "n_drops_buffer_connect_exit",
    "n_drops_buffer_open_exit",
    "n_drops_buffer_dir_file_exit",
    "n_drops_buffer_other_interest_exit",
    "n_drops_buffer_close_exit",
    "n_drops_buffer_proc_exit",
    "n_drops_scratch_map",
    "n_drops_page_faults",
    "n_drops_bug",
)

#: What our causes count under in Falco's fields, beside a field of their own.
_IN_FALCOS_WORDS = {
    "ring_full": "n_drops_buffer_total",
    "proc_ring_full": "n_drops_buffer_total",
    "flood": "n_drops_buffer_total",
    "scratch": "n_drops_scratch_map",
}

#: Seconds between two log lines about losses of one source.
QUIET = 10.0


class LossLog:
    """Says in the log that a source has lost events, and of what cause; at once, then at most every ten seconds."""

    def __init__(self, source: str, clock: Clock = SYSTEM) -> None:
        self._source = source
        self._clock = clock
        self._told: Mapping[str, int] = {}
        self._quiet_until = 0.0

    def observe(self, totals: Numbers) -> None:
        """Look at new numbers."""
        now = self._clock.monotonic()
        if now >= self._quiet_until and self.tell(totals):
            self._quiet_until = now + QUIET

    def tell(self, totals: Numbers) -> bool:
        """Log what was lost since the last time; return whether anything was."""
        if totals.dropped == self._told:
            return False
        lost, self._told = Counter(totals.dropped) - Counter(self._told), totals.dropped
        causes = ", ".join(f"{cause}: {count}" for cause, count in sorted(lost.items()))
        log.warning("source '%s' has lost %d events (%s); %d so far", self._source, lost.total(), causes, totals.lost)
        return True


class DropMonitor:
    """Falco's handling of dropped system calls: a share above the threshold takes a token, which buys the actions.

    :ivar occurrences: how many seconds had drops above the threshold.
    :ivar taken: how often actions were taken.
    :ivar exiting: the action ``exit`` was taken.
    """

    def __init__(
        self, config: DropsConfig, maker: AlertMaker, raise_alert: Callable[[Alert], None], clock: Clock = SYSTEM
    ) -> None:
        self.occurrences = 0
        self.taken = 0
        self.exiting = False
        self._config = config
        self._raise = raise_alert
        self._maker = maker
        self._clock = clock
        self._bucket = _TokenBucket(config.rate, config.burst, clock)
        self._last = NOTHING

    def observe(self, totals: Numbers) -> None:
        """Look at the numbers of the last second."""
        dropped = Counter(totals.dropped) - Counter(self._last.dropped)
        count = dropped.total()
        events = totals.received - self._last.received + count
        self._last = totals
        if self._config.simulate:
            log.info("Simulating syscall event drop")
            count += 1
            events += 1
        if count <= 0 or count / events <= self._config.threshold:
            return
        self.occurrences += 1
        if not self._bucket.claim():
            log.debug("Syscall event drop but token bucket depleted, skipping actions")
            return
        self.taken += 1
        self._act(events, count, dropped)

    def _act(self, events: int, count: int, dropped: Counter[str]) -> None:
        text = f"{RULE}. {count} system calls dropped in last second."
        for action in self._config.actions:
            if action == "log":
                log.debug(text)
            elif action == "alert":
                fields = {"n_evts": str(events), "n_drops": str(count), "ebpf_enabled": "1", **_by_cause(dropped)}
                self._raise(self._maker.internal(RULE, Priority.DEBUG, text, fields, self._clock.time_ns()))
            elif action == "exit":
                log.critical(text)
                log.log(logging.CRITICAL, "Exiting.")
                self.exiting = True


def _by_cause(dropped: Counter[str]) -> dict[str, str]:
    """Return a field per cause: Falco's, and one of its own for each cause that Falco does not have."""
    fields = dict.fromkeys(FIELDS, 0)
    for cause, count in dropped.items():
        own = f"n_drops_{cause.replace(' ', '_')}"
        for name in {own, _IN_FALCOS_WORDS.get(cause, own)}:
            fields[name] = fields.get(name, 0) + count
        if own.startswith("n_drops_buffer_"):
            fields["n_drops_buffer_total"] += count
    return {name: str(count) for name, count in fields.items()}


class _TokenBucket:
    """*rate* tokens a second, *burst* at most, full at first."""

    def __init__(self, rate: float, burst: float, clock: Clock) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._clock = clock
        self._at = clock.monotonic()

    def claim(self) -> bool:
        """Take a token; return whether there was one."""
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
