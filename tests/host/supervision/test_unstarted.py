"""What is told of processes that cannot be started, and when that is tried again."""

import errno

from falcohost.host.supervision.unstarted import LONGEST, NO_PROCESS, Unstarted

SHORT = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")


def test_it_is_told_once(caplog):
    """Of each process once, until it could be started; the delay doubles up to the longest."""
    alerts = []
    unstarted = Unstarted(lambda rule, priority, text, fields: alerts.append((rule, fields["process"])))
    unstarted.started("the store process")
    delays = [unstarted.tell("the store process", SHORT) for _ in range(8)]
    unstarted.tell("the worker", SHORT)
    unstarted.started("the store process")

    assert [0.2, 0.4, 0.8, 1.6, 3.2, LONGEST, LONGEST, LONGEST] == delays
    assert 0.2 == unstarted.tell("the store process", SHORT)
    assert [(NO_PROCESS, name) for name in ("the store process", "the worker", "the store process")] == alerts
    assert 3 == caplog.text.count("cannot start a process: no more processes are allowed")
