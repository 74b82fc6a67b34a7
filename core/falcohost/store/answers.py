"""Decides whether alerts that the supervisor raises, and answers of the outputs process, are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from falcohost.alert import NO_METADATA, Alert, RuleMetadata
from falcohost.engine.alerts import INTERNAL
from falcohost.store.admission import Admission, Refused
from falcohost.store.arrival import Refusal
from falcohost.store.body import MOST_BODY, decode
from falcohost.store.metadata import NO_KEY, by_key
from falcohost.store.outline import LEAST, MOST, MOST_ID, UNDECODABLE, Outline
from falcohost.subject import MOST_SUBJECTS
from falcohost.subscriber import LONGEST_CHAIN, MOST_ANSWERED, MOST_STATE, MOST_TAKEN

#: Most characters of the reason for which an alert was refused.
MOST_REASON = 1024


class InternalAdmission(Admission):
    """Admits the supervisor's alerts about falcohost itself, which have no rules."""

    def __init__(self, hostname: str) -> None:
        super().__init__(INTERNAL, hostname, {})

    def _outlined(self, bodies: Sequence[bytes], metadata: dict[int, RuleMetadata]) -> list[Outline | None]:
        """Return None for each: they are not as those of rules."""
        return [None] * len(bodies)

    def _check(self, alert: Alert) -> None:
        if alert.source != INTERNAL:
            raise Refused("an alert of a source")


class AnswerAdmission:
    """Admits what outputs and subscribers answer.

    :param takers: their names, and whether each may answer with alerts and a state.
    """

    def __init__(self, takers: Mapping[str, bool]) -> None:
        self._takers = takers

    def check_name(self, name: str) -> None:
        """Check that there is an output or a subscriber called *name*.

        :raises Refused: there is none.
        """
        if name not in self._takers:
            raise Refused("an answer of nobody")

    def admit(
        self, name: str, bodies: Sequence[bytes], metadata: Sequence[RuleMetadata], state: bytes | None
    ) -> tuple[list[Alert], dict[int, RuleMetadata]]:
        """Return the alerts in *bodies*, which *name* answers with, and their *metadata* by key.

        :raises Refused: they are not taken.
        """
        self.check_name(name)
        if (bodies or state is not None) and not self._takers[name]:
            raise Refused(f"an answer of '{name}', which raises no alerts")
        if len(bodies) > MOST_ANSWERED or len(metadata) > len(bodies):
            raise Refused(f"{len(bodies)} alerts and {len(metadata)} descriptions in one answer")
        if state is not None and len(state) > MOST_STATE:
            raise Refused(f"a state of {len(state)} bytes")
        keys = {NO_KEY: NO_METADATA, **by_key(metadata)}
        return [_admitted(name, body, keys) for body in bodies], keys

    def admit_refused(self, refused: Sequence[Refusal], mark: int) -> Sequence[Refusal]:
        """Return what was *refused* of the alerts up to *mark*.

        :raises Refused: nobody can have refused that.
        """
        if len(refused) > MOST_TAKEN or any(not 0 < one.seq <= mark for one in refused):
            raise Refused(f"{len(refused)} refused alerts up to number {mark}, or others")
        return [Refusal(one.seq, one.reason[:MOST_REASON]) for one in refused]


def _admitted(name: str, body: bytes, metadata: dict[int, RuleMetadata]) -> Alert:
    if len(body) > MOST_BODY:
        raise Refused(f"an alert of {len(body)} bytes")
    try:
        alert = decode(body, metadata)
    except UNDECODABLE:
        raise Refused("an alert that cannot be decoded") from None
    if alert.source != name:
        raise Refused("an alert of another source")
    if not (0 < alert.depth <= LONGEST_CHAIN and 0 < len(alert.id) <= MOST_ID and len(alert.subjects) <= MOST_SUBJECTS):
        raise Refused("an alert with a depth, an id or subjects that no subscriber's alert has")
    if not (LEAST <= alert.time <= MOST and 0 < alert.count <= MOST):
        raise Refused(f"an alert with the time {alert.time} and the count {alert.count}")
    return alert
