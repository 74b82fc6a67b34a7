"""Lost events: Falco's threshold, token bucket, actions and alert, as the policy of a source says."""

import msgspec.structs
import pytest

from falcohost.clock import SYSTEM
from falcohost.engine.alerts import AlertMaker, JsonOptions, encode_json
from falcohost.host.drops import DropMonitor, LossLog
from falcohost.host.numbers import Numbers
from falcohost.specs import DropPolicy
from falcohost.testing.clock import ManualClock


@pytest.fixture
def monitor():
    """Return a function that makes a monitor, and the list that its alerts go to."""

    def monitor(actions=("alert",), threshold=0.1, rate=0.0, burst=1.0, simulate=False, clock=SYSTEM):
        alerts = []
        policy = DropPolicy(
            what="syscall event drop",
            events="system calls",
            threshold=threshold,
            actions=tuple(actions),
            key="drops",
            rate=rate,
            burst=burst,
            simulate=simulate,
        )
        return DropMonitor(policy, lambda *alert: alerts.append(AlertMaker("host").internal(*alert, 0)), clock), alerts

    return monitor


def totals(received, **dropped):
    """Return the numbers of a source."""
    return Numbers(received, received, dropped)


def test_alert_in_falcos_form(monitor):
    """The alert has Falco's rule, priority and message, and beside the numbers the source's fields."""
    one, alerts = monitor()

    one.observe(
        totals(75, buffer_open_exit=20, ring_full=5), {"n_buffer_open_exit": "20", "n_ring_full": "5", "n_evts": "0"}
    )

    (alert,) = alerts
    assert alert.rule == "Falco internal: syscall event drop"
    assert alert.priority.label == "Debug"
    assert alert.message == "Falco internal: syscall event drop. 25 system calls dropped in last second."
    assert alert.source == "internal"
    assert alert.fields == {"n_buffer_open_exit": "20", "n_drops": "25", "n_evts": "100", "n_ring_full": "5"}
    assert '25 system calls dropped in last second. (n_buffer_open_exit="20" n_drops="25"' in alert.output
    assert b'"tags"' not in encode_json(alert, JsonOptions())
    assert b'"output":"Falco internal: syscall event drop. 25' in encode_json(alert, JsonOptions())


def test_threshold(monitor):
    """Only a share above the threshold counts, of the events since the last look."""
    one, alerts = monitor(burst=10)

    one.observe(totals(900, x=100))
    one.observe(totals(1700, x=300))
    one.observe(totals(2600, x=300))

    assert (one.occurrences, len(alerts)) == (1, 1)


def test_token_bucket(monitor):
    """Actions are taken as often as the bucket allows; what is beyond still counts as an occurrence."""
    one, alerts = monitor(burst=2)

    for second in range(1, 6):
        one.observe(totals(0, x=second))

    assert (one.occurrences, one.taken, len(alerts)) == (5, 2, 2)


def test_tokens_come_back(monitor):
    """The bucket fills at its rate, up to the burst."""
    clock = ManualClock()
    one, alerts = monitor(rate=0.1, burst=2, clock=clock)
    taken = []
    for second in range(60):
        one.observe(totals(0, x=second + 1))
        taken.append(len(alerts))
        clock.advance(1)

    assert [1, 2, 2] == taken[:3]
    assert [2, 3] == taken[9:11]
    assert 7 == taken[-1]


def test_exit(monitor, caplog):
    """The action exit asks for the end."""
    one, _ = monitor(actions=("log", "exit"))

    one.observe(totals(0, x=1))

    assert one.exiting
    assert "1 system calls dropped in last second." in caplog.text
    assert "Exiting." in caplog.text


def test_ignore(monitor):
    """The action ignore does nothing but count."""
    one, alerts = monitor(actions=("ignore",))

    one.observe(totals(0, x=1))

    assert (one.occurrences, one.exiting, alerts) == (1, False, [])


def test_simulated_drops(monitor):
    """With simulate_drops each second has one."""
    one, alerts = monitor(simulate=True, threshold=0.0)

    one.observe(totals(1000))

    assert alerts[0].fields["n_drops"] == "1"


def test_simulated_drops_of_a_recording(monitor):
    """A recording has one for each second of its own clock, however quickly it is read."""
    one, alerts = monitor(simulate=True, threshold=0.0, burst=10.0)

    one.observe(msgspec.structs.replace(totals(1000), elapsed=0))
    assert 0 == one.occurrences
    one.observe(msgspec.structs.replace(totals(2000, damaged=2), elapsed=3))
    one.observe(msgspec.structs.replace(totals(3000, damaged=2), elapsed=4))

    assert 4 == one.occurrences
    assert ["3", "1", "1", "1"] == [alert.fields["n_drops"] for alert in alerts]


def test_every_loss_is_logged(caplog):
    """A loss below any threshold is in the log, at once; what follows within ten seconds is gathered."""
    clock = ManualClock()
    one = LossLog("syscall", clock)

    one.observe(totals(10**6, ring_full=1))
    one.observe(totals(10**6, ring_full=2))
    clock.advance(9.9)
    one.observe(totals(10**6, ring_full=2, unreadable=3))
    assert 1 == len(caplog.messages)
    clock.advance(0.2)
    one.observe(totals(10**6, ring_full=2, unreadable=3))
    one.tell(totals(10**6, ring_full=2, unreadable=3))

    assert [
        "source 'syscall' has lost 1 events (ring_full: 1); 1 in total",
        "source 'syscall' has lost 4 events (ring_full: 1, unreadable: 3); 5 in total",
    ] == caplog.messages
