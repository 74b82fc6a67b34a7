"""Pages of a poller: in order, with their cursors, again and again after failures, which are told once."""

import threading
import time

import msgspec
import pytest

from falcohost import retries
from falcohost.errors import SourceError
from falcohost.events import Plan
from falcohost.jsonlog import JsonLog, JsonSource, Limits, Origin, Refusals
from falcohost.poll import BackOff, Page, PollError, PollInput, Seen, poll_problem
from falcohost.poll.failures import Failures
from falcohost.poll.input import AHEAD
from falcohost.retries import run_on_demand
from falcohost.testing.clock import ManualClock
from falcohost.testing.waiting import PATIENCE, wait_until

LOG = JsonLog(source="app", plugin="tester")

QUICK = BackOff(0.01, 0.05)


class Numbers:
    """Pages of two numbers, a cursor being the last one; *mishaps* come first."""

    def __init__(self, *mishaps, last=6):
        self.mishaps = list(mishaps)
        self.last = last
        self.asked = []
        self.closed = False

    def open(self, refusals):
        """Take note of nothing."""

    def fetch(self, cursor):
        """Fail, or return the two numbers behind the cursor; the last page again and again where there are no more."""
        self.asked.append(cursor)
        if self.mishaps:
            raise self.mishaps.pop(0)
        begin = int(cursor or 0)
        end = min(begin + 2, self.last)
        return Page(
            [b'{"n":%d}' % number for number in range(begin + 1, end + 1)], str(end), 0.0 if end > begin else 600
        )

    def close(self):
        """Take note."""
        self.closed = True


def given(poller, **options):
    """Return the input of *poller*."""
    return PollInput(poller, Limits(), plugin="tester", origin=Origin("numbers", "n", by_content=True), **options)


def read(poller, count, cursor=None):
    """Return the first *count* numbers and the cursors that came with them."""
    source = JsonSource(LOG, given(poller, back_off=QUICK))
    source.open(Plan(source="app"), cursor)
    numbers, cursors = [], []
    for batch in source.batches():
        numbers += [event.record["n"] for event in batch.events]
        cursors += [batch.cursor] if batch.cursor else []
        if len(numbers) >= count:
            break
    source.close()
    return numbers, cursors


def test_pages_in_order():
    """Each page comes with its cursor, from the beginning or from where it was."""
    assert ([1, 2, 3, 4, 5, 6], ["2", "4", "6"]) == read(Numbers(), 6)
    assert ([5, 6], ["6"]) == read(Numbers(), 2, cursor="4")


def test_failures_are_told_once(told):
    """A fetch that fails is repeated where it was; each cause is told once, also a mistake of ours, and the end."""
    poller = Numbers(PollError("no"), PollError("no"), KeyError("x"), PollError("no"))

    assert [1, 2, 3, 4, 5, 6] == read(poller, 6)[0]
    assert [None] * 5 == poller.asked[:5]
    texts = [record.getMessage() for record in told.records]
    assert [True, True, True] == [
        texts[0].startswith("numbers: no. Trying again in "),
        texts[1].startswith("numbers: KeyError: 'x' (") and "test_input.py" in texts[1],
        "numbers: works again, after 0 s (failed attempts: 4)" == texts[2],
    ]
    assert 3 == len(texts)


def test_back_off():
    """The wait doubles to its limit, is not quite regular, and never shorter than the server asks for."""
    failures = Failures("numbers", BackOff(1, 300))
    waits = [failures.failed(PollError("no")) for _ in range(40)]

    assert [True] * 40 == [min(300, 2**number) / 2 <= wait <= min(300, 2**number) for number, wait in enumerate(waits)]
    assert len(set(waits)) > 30
    assert 1000 == failures.failed(PollError("no", retry_after=1000))
    assert 3600 == failures.failed(PollError("no", retry_after=1e9))
    failures.succeeded()
    assert failures.failed(PollError("no")) <= 1


@pytest.fixture
def on_demand():
    """Somebody waits for the sources of this process."""
    run_on_demand(True)
    yield
    run_on_demand(False)


def test_a_run_on_demand_gives_up(on_demand, told):
    """Where somebody waits each failure is logged, and after a minute of them reading ends with the reason."""
    clock = ManualClock()
    poller = Numbers(*(PollError("no") for _ in range(1000)))
    pages = given(poller, clock=clock, idle=0.001)
    pages.open(Refusals(), None)

    def read_on():
        for _ in pages.texts():
            clock.advance(1)

    with pytest.raises(SourceError, match=r"^numbers: no; given up after \d\d s and \d+ attempts$"):
        read_on()
    assert 6 <= len([text for text in told.messages if text.startswith("numbers: no. Trying again in ")]) <= 40
    pages.close()


def test_a_run_on_demand_does_not_wait_for_an_hour(on_demand):
    """A server that asks for more patience than there is ends the run."""
    with pytest.raises(SourceError, match="numbers: busy; given up, since the server asks to wait for 900 s"):
        Failures("numbers", BackOff()).failed(PollError("busy", retry_after=900))


def test_what_never_gives_up(on_demand):
    """What is done beside reading is tried for ever."""
    clock = ManualClock()
    failures = Failures("numbers", BackOff(longest=60), clock, endless=True)
    for _ in range(100):
        clock.advance(failures.failed(PollError("no")))

    assert clock.monotonic() > retries.GIVE_UP


def test_failures_are_known():
    """What fails now, and how often in a row, is among the numbers of the process, until it works again."""
    failures = Failures("tester: numbers", BackOff())
    failures.failed(PollError("numbers: no"))
    failures.failed(PollError("numbers: no"))

    assert 2 == retries.failing()["tester: numbers: no"]
    failures.succeeded()
    assert "tester: numbers: no" not in retries.failing()


def test_reasons_are_bounded(told):
    """A reason that a server has written is cut, wherever it is shown."""
    failures = Failures("tester", BackOff())
    failures.failed(PollError("x" * 100_000))

    assert len(told.messages[0]) < 600
    assert all(len(reason) < 600 for reason in retries.failing())


def test_waits():
    """Between two pages as long is waited as the poller says, and after a failure as long as the back-off does."""
    clock = ManualClock()
    poller = Numbers(PollError("no", retry_after=1000), last=2)
    pages = given(poller, clock=clock)
    pages.open(Refusals(), None)
    texts = pages.texts()
    next(texts)

    assert 1000 == clock.until_waiting()
    clock.advance(1000)
    while not next(texts).items:
        pass
    wait_until(lambda: len(poller.asked) == 3)
    assert 600 == clock.until_waiting()
    clock.advance(600)
    wait_until(lambda: len(poller.asked) == 4)
    assert [None, None, "2", "2"] == poller.asked
    pages.close()


def test_pages_ahead():
    """No more pages are fetched than are taken, but for a few."""
    poller = Numbers(last=1000)
    pages = given(poller)
    pages.open(Refusals(), None)
    texts = pages.texts()
    for taken in range(1, 20):
        while not next(texts).items:
            pass
        wait_until(lambda taken=taken: len(poller.asked) >= taken + AHEAD)

        assert len(poller.asked) <= taken + AHEAD + 1
    pages.close()


def test_close_is_quick():
    """Neither a long wait nor a fetch that hangs holds up the end, and the poller is closed."""
    released = threading.Event()
    for stuck in (lambda: released.wait(600), lambda: None):
        poller = Numbers(last=0)
        poller.open = lambda refusals: None
        original = poller.fetch
        poller.fetch = lambda cursor, stuck=stuck, original=original: (stuck(), original(cursor))[1]
        pages = given(poller)
        pages.open(Refusals(), None)
        next(pages.texts())
        begun = time.monotonic()
        pages.close()

        assert time.monotonic() - begun < PATIENCE
        assert poller.closed
    released.set()


def test_ids_of_the_writer():
    """An event is known by the id that its writer gave it, where there is one, whatever else is in it."""
    origin = Origin("numbers", "n", by_content=True, id_of=lambda raw: msgspec.json.decode(raw).get("id"))
    pages = PollInput(Numbers(), Limits(), plugin="tester", origin=origin)
    source = JsonSource(LOG, pages)
    numbers = Numbers()
    numbers.fetch = lambda cursor: Page([b'[{"id":"a","n":1},{"n":1}]', b'{"n":2, "id":"a"}', b'{"n":1}'], "1", 9)
    pages._poller = numbers
    source.open(Plan(source="app"), None)

    keys = [event.key for event in next(iter(source.batches())).events]
    source.close()

    assert "n:a" == keys[0] == keys[2]
    assert keys[1] == keys[3] != keys[0]


def test_memory_of_ids():
    """Items seen lately are not new, also after a restart; items seen long ago are forgotten."""
    seen = Seen(most=3)

    assert [True, True, False, True] == [seen.is_new(ident) for ident in "abac"]
    later = Seen(seen.marks, most=3)
    assert [False, True, True] == [later.is_new(ident) for ident in "cda"]
    assert 3 == len(later.marks)
    assert 12 == max(map(len, later.marks))


@pytest.mark.parametrize(("problem", "mishaps"), [(None, []), ("no", [PollError("no")])])
def test_doctor(problem, mishaps):
    """The doctor asks once and closes."""
    poller = Numbers(*mishaps)

    assert problem == poll_problem(poller)
    assert poller.closed
