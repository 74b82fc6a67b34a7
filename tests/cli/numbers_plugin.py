"""A plugin for these tests: the sources ``numbers`` and ``others`` count, and can be told to fail in several ways."""

import contextlib
import logging
import os
import stat
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from falcohost import (
    Batch,
    CommandSpec,
    ConfigKey,
    Field,
    FieldType,
    ResourceSubject,
    SourceError,
    SourceSpec,
    SourceStats,
    TypeCount,
    hookimpl,
)
from falcohost.lookups import PENDING, LookupSpec
from falcohost.needs import GENEROUS, Needs


@dataclass(frozen=True)
class Number:
    """One number."""

    num: int
    ts: int
    source: str
    type: str = "number"

    @property
    def key(self):
        """The number itself: it is the same when it is counted again."""
        return str(self.num)

    @property
    def resources(self):
        """The number."""
        return [ResourceSubject("number", str(self.num))]


class Counter:
    """Counts to ``count`` (0: for ever), a number each ``interval`` seconds, the first after that time or ``at_once``.

    It ends before that when there is the file ``until``.

    With ``cursor`` it goes on where it was. Trouble: ``refuse`` (a text: cannot be opened), ``refuse_once`` (a file:
    cannot be opened until it is gone), ``stumble`` (raises while it is opened), ``slow`` (so many seconds pass while it
    is opened), ``fail_at`` (raises before that number), ``lose`` (reports so many lost), ``deaf`` (does not come back
    behind that number), ``babble`` (writes rubbish to the supervisor). With ``ns`` it says, while it measures,
    that each number costs so much. ``runs``: Python code that it runs behind its first number, as an attacker would who
    has taken over its process, with its ``number``; ``needs``: the needs that it says it has.
    """

    def __init__(self, name, settings):
        self._name = name
        self._settings = settings
        self._now = 0
        self._measuring = False
        self._timed = 0

    def open(self, plan, cursor):
        """Begin, or refuse to."""
        if "slow" in self._settings:
            logging.getLogger("numbers").info("opens slowly")
            time.sleep(self._settings["slow"])
        if "stumble" in self._settings:
            raise KeyError("a bug in open")
        if "refuse" in self._settings:
            raise SourceError(self._settings["refuse"])
        if Path(self._settings.get("refuse_once", "/nowhere")).exists():
            raise SourceError("not yet")
        if self._settings.get("cursor"):
            self._now = int(cursor or 0)

    def batches(self):
        """Count."""
        count, interval = self._settings.get("count", 0), self._settings.get("interval", 0.01)
        until = Path(self._settings.get("until", "/nowhere"))
        while (not count or self._now < count) and not until.exists():
            if self._now + 1 == self._settings.get("fail_at"):
                raise ValueError("a bug in the source")
            if self._settings.get("babble"):
                _babble()
            if self._now or not self._settings.get("at_once"):
                time.sleep(interval)
            self._now += 1
            self._timed += self._measuring
            number = Number(self._now, time.time_ns(), self._name)
            yield Batch([number], str(self._now) if self._settings.get("cursor") else None)
            if "runs" in self._settings:
                exec(self._settings["runs"], {"number": self._now})
            while 0 < self._settings.get("deaf", 0) <= self._now:
                time.sleep(1)

    @property
    def needs(self):
        """The needs in the settings; else any."""
        found = self._settings.get("needs")
        return GENEROUS if found is None else Needs(frozenset(found))

    def update(self, plan):
        """Nothing to do."""

    def ack(self, cursor):
        """Nothing to do."""

    def stats(self):
        """Return the numbers, lost ones among them."""
        lost = {"thrown away": self._settings.get("lose", 0)}
        if "ns" not in self._settings:
            return SourceStats(self._now, self._now, lost, notes=("numbers come one by one",))
        count = TypeCount(self._now, 0, self._now, 0, self._timed, self._timed * self._settings["ns"])
        return SourceStats(self._now, self._now, lost, types={"number": count})

    def measure(self, on):
        """Begin or end to measure."""
        self._measuring = on
        logging.getLogger("falcohost").warning("measures: %s", on)

    def close(self):
        """Say so, for a test to see."""
        logging.getLogger("numbers").info("closed")


def _babble():
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                os.write(number, b"\x01\x00\x00\x00\xc1")


def _spec(name):
    def make(settings):
        return Counter(name, settings.get(name, {}))

    def check(settings):
        yield "can count", None
        if "lacks" in settings:
            yield "has fingers", settings["lacks"]

    return SourceSpec(name=name, description="Counts.", make=make, event_types=frozenset({"number"}), check=check)


@hookimpl
def falcohost_sources():
    """Offer two sources."""
    return [_spec("numbers"), _spec("others")]


def _value(event, arg):
    return event.num


def _trouble(event, arg):
    if event.num % 2:
        raise RuntimeError("a bug in a field")
    return event.num


@hookimpl
def falcohost_fields(source):
    """Offer a field, and one that raises for odd numbers."""
    if source not in ("numbers", "others"):
        return None
    return [
        Field(name="number.value", type=FieldType.UINT64, description="The number.", get=_value),
        Field(name="number.trouble", type=FieldType.UINT64, description="Raises now and then.", get=_trouble),
    ]


@hookimpl
def falcohost_config_keys():
    """Bring a key that is never shown."""
    return [ConfigKey(key="safe.pin", type=str, default="none", help="Opens the safe.", secret=True)]


@hookimpl
def falcohost_commands():
    """Bring a command, or one of another name, or fail."""
    if "NUMBERS_BREAK" in os.environ:
        raise RuntimeError(os.environ["NUMBERS_BREAK"])
    return [CommandSpec(name=os.environ.get("NUMBERS_COMMAND", "add"), help="Add numbers up.", make=_add)]


def _add(settings):
    import click

    @click.command(name="add")
    @click.argument("numbers", type=int, nargs=-1)
    def add(numbers):
        """Add NUMBERS up."""
        click.echo(f"{sum(numbers)} {settings['safe']['pin']}")

    return add


class Names:
    """Knows the name of each number, ``names_after`` seconds after it was asked for it.

    With ``names_wake`` it has a descriptor that says so.
    """

    def __init__(self, settings):
        self._after = settings.get("numbers", {}).get("names_after", 0)
        self._wakes = settings.get("numbers", {}).get("names_wake")
        self._came = os.eventfd(0)
        self._asked = {}

    def find(self, key):
        """Return the name, when it is time."""
        if key not in self._asked:
            self._asked[key] = time.monotonic()
            threading.Timer(self._after, os.eventfd_write, (self._came, 1)).start()
        return f"n{key[0]}" if time.monotonic() >= self._asked[key] + self._after else PENDING

    def fileno(self):
        """Return what is written to when it is time."""
        return self._came if self._wakes else None

    def poll(self):
        """Have what waits ask again."""
        return True

    def close(self):
        """Say so, for a test to see."""
        logging.getLogger("numbers").info("no more names")


@hookimpl
def falcohost_lookups():
    """Offer the names of numbers."""
    name = Field(name="number.name", type=FieldType.CHARBUF, description="Its name.", get=lambda row, arg: row)
    about = "Knows the names of numbers."
    return [LookupSpec(name="names", description=about, key={"numbers": ("number.value",)}, make=Names, fields=[name])]
