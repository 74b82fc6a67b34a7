"""One action about one alert: what it is about, that it is taken only once, and what has come of it."""

from __future__ import annotations

import time

from falcohost.alert import Alert
from falcohost.host.response.marks import Marks
from falcohost.host.response.messages import Outcome, Result
from falcohost.host.response.target import Refusal
from falcohost.host.response.telling import Telling, outcome
from falcohost.subject import ProcessSubject


class Case:
    """The action called *name*, about *alert*.

    :param acts: it is taken; otherwise it is only told what would be done.
    :ivar subject: the process that the alert is about; None: it is about none.
    """

    def __init__(self, name: str, alert: Alert, marks: Marks, telling: Telling, *, acts: bool) -> None:
        self.name = name
        self.alert = alert
        self.subject = next((one for one in alert.subjects if isinstance(one, ProcessSubject)), None)
        self._marks = marks
        self._telling = telling
        self._acts = acts

    @property
    def pid(self) -> int:
        """Return the process that the alert is about; 0: there is none."""
        return 0 if self.subject is None or self.subject.pid < 0 else self.subject.pid

    @property
    def was_begun(self) -> bool:
        """Return whether the action was begun before, perhaps by a former process."""
        return self._marks.has(self._mark)

    def begins(self, what: str) -> bool:
        """Write down that the action is taken, before it is; return False if it is only to be told: it would *what*.

        :raises Refusal: that cannot be written.
        """
        try:
            self._marks.add(self._mark)
        except OSError as error:
            raise Refusal(f"that it is taken cannot be written down: {error.strerror}") from error
        if not self._acts:
            self.tell("observed", f"would {what}")
        return self._acts

    def tell(self, result: Result, text: str) -> None:
        """Tell what has come of it."""
        self._telling.add(self.outcome(result, text))

    def outcome(self, result: Result, text: str) -> Outcome:
        """Return what has come of it."""
        return outcome(self.name, result, text, self.alert, self.pid)

    def delay(self) -> str:
        """Return how long ago the event was, in words."""
        return f"{(time.time_ns() - self.alert.time) / 1e6:.1f} ms after the event"

    @property
    def _mark(self) -> str:
        return f"{self.alert.source} {self.alert.id} {self.name}"  # so that no source marks what is of another
