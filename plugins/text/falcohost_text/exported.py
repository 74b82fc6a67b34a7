"""Takes the journal's export format apart (systemd's JOURNAL_EXPORT_FORMATS): entries, each followed by a blank line.

A member is a line ``NAME=value``, or ``NAME``, the length of the value in eight bytes (little-endian), the value, and a
newline. Lengths are exact, so that nothing in a value can pass for a member or for an entry, however long it is.
"""

from __future__ import annotations

from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import Origin, Refusals, Texts
from falcohost_text.records import QUIET, Record

TOO_LONG = "entry of the journal that is too long"
CUT_OFF = "entry of the journal that is cut off"

_LENGTH = 8

#: The longest value that journald writes (DATA_SIZE_MAX in systemd's sources).
MOST_VALUE = 768 << 20


class Entries:
    """Makes records of the entries of a journal.

    :param most: most bytes of an entry; a longer one is dropped and counted.
    """

    def __init__(self, most: int, refusals: Refusals, clock: Clock = SYSTEM) -> None:
        self._most = most
        self._refusals = refusals
        self._now = clock.monotonic
        self._origin = Origin("", "")
        self._data = bytearray()  # the entry as far as it has been read
        self._begun = 0  # its offset
        self._at = 0  # where the next data are expected
        self._parsed = 0  # how many bytes of it are whole members
        self._skip = 0  # how many bytes of a value are still to be passed over
        self._dropped = False
        self._last = 0.0
        self._held: str | None = None

    def take(self, texts: Texts) -> tuple[list[Record], str | None]:
        """Return the entries that end with *texts*, and the cursor that may be stored with them."""
        ended: list[Record] = []
        for offset, data in texts.items:
            if texts.origin.ident != self._origin.ident or offset < self._at:
                self._abandon()
                self._origin, self._at, self._begun = texts.origin, offset, offset
            # Blank lines may be left out; what is longer was a line that was too long.
            gap = offset - self._at
            self._feed(b"\n" * gap, ended) if gap <= self._most else self._pass_over(gap)
            self._feed(data, ended)
            self._at = offset + len(data)
            self._last = self._now()
        if self._data and not texts.items and self._now() - self._last >= QUIET:
            ended += self.rest()[0]
        self._held = texts.cursor or self._held
        return ended, self._held if not (self._data or self._dropped) else None

    def rest(self) -> tuple[list[Record], str | None]:
        """Return the last entry, if only its blank line is missing."""
        ended: list[Record] = []
        if self._data and not self._skip:
            if not self._data.endswith(b"\n"):
                self._feed(b"\n", ended)
            self._feed(b"\n", ended)
        self._abandon()
        return ended, None

    def _feed(self, data: bytes, ended: list[Record]) -> None:
        if passed := min(self._skip, len(data)):
            self._skip -= passed
            self._begun += passed
            data = data[passed:]
        self._data += data
        while (end := self._member_end()) is not None:
            if end > self._parsed + 1:
                self._parsed = end
                self._shorten()
                continue
            entry = bytes(self._data[: self._parsed])
            if self._dropped:
                self._refusals.add(TOO_LONG, f"{self._origin.name}, byte {self._begun}")
            elif entry:
                ended.append(Record(self._origin, self._begun, whole=entry))
            del self._data[:end]
            self._begun += end
            self._parsed, self._dropped = 0, False

    def _member_end(self) -> int | None:
        """Return where the next member or the blank line ends; None if that has not been read."""
        end = self._data.find(b"\n", self._parsed)
        if end < 0:
            return None
        if end == self._parsed or b"=" in self._data[self._parsed : end]:
            return end + 1
        value = end + 1 + _LENGTH
        if len(self._data) < value:
            return None
        length = int.from_bytes(self._data[end + 1 : value], "little")
        if length > MOST_VALUE:  # so that a damaged length does not swallow the rest of the log
            self._dropped = True
            return end + 1
        whole = value + length + 1
        if whole - self._parsed > self._most:
            self._dropped = True
            self._skip = max(0, whole - len(self._data))
            removed = min(whole, len(self._data)) - self._parsed
            del self._data[self._parsed : self._parsed + removed]
            self._begun += removed
            return None if not self._data[self._parsed :] else self._member_end()
        return whole if len(self._data) >= whole else None

    def _shorten(self) -> None:
        """Keep nothing of an entry that is too long."""
        if self._parsed > self._most or self._dropped:
            self._dropped = True
            del self._data[: self._parsed]
            self._begun += self._parsed
            self._parsed = 0

    def _pass_over(self, gap: int) -> None:
        self._dropped = True
        self._skip = max(0, self._skip - gap)
        self._begun += gap

    def _abandon(self) -> None:
        if self._data or self._dropped:
            self._refusals.add(CUT_OFF, f"{self._origin.name}, byte {self._begun}")
        self._data.clear()
        self._parsed = self._skip = 0
        self._dropped = False


def members(entry: bytes) -> dict[bytes, bytes]:
    """Return the members of an entry; of several with one name the last."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(entry):
        end = entry.find(b"\n", at)
        if end < 0:
            break
        name, equals, value = entry[at:end].partition(b"=")
        if equals:
            at = end + 1
        else:
            begin = end + 1 + _LENGTH
            at = begin + int.from_bytes(entry[end + 1 : begin], "little")
            value = entry[begin:at]
            at += 1
        found[name] = value
    return found
