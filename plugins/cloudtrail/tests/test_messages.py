"""A queue's answers, and when its messages are deleted: together, directly, or by boto3."""

from __future__ import annotations

import pytest

from falcohost.testing.clock import ManualClock
from falcohost.testing.waiting import wait_until
from falcohost_cloudtrail.messages import GATHER, Messages, _left, _received


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{",
        b'{"Messages": {}}',
        b'{"Messages": [{}]}',
        b'{"Messages": [{"MessageId": 1, "ReceiptHandle": "", "Body": "", "Attributes": {}}]}',
        b'{"Messages": [{"MessageId": "", "ReceiptHandle": "", "Body": "", "Attributes": {"a": 1}}]}',
        b'{"Messages": [{"MessageId": "", "ReceiptHandle": "", "Body": "", "Attributes": {}}]}',
    ],
)
def test_no_messages(text):
    """What has no messages as SQS has them is left to boto3."""
    assert _received(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", None),
        (b"{}", None),
        (b'{"Successful": [{"Id": "0"}]}', None),
        (b'{"Successful": [{"Id": "0"}, {"Id": "2"}]}', None),
        (b'{"Successful": [{"Id": "0"}, {"Id": "x"}]}', None),
        (b'{"Successful": [{"Id": "0"}, {"Id": "1"}]}', set()),
        (b'{"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "SenderFault": false}]}', {"b"}),
        (b'{"Successful": null, "Failed": [{"Id": "1", "SenderFault": true}, {"Id": "0"}]}', {"a"}),
    ],
)
def test_what_is_left(text, expected):
    """An answer to deletions mentions each of them, or is left to boto3; SQS may want another attempt for some."""
    assert expected == _left(text, ["a", "b"])


class Deletions:
    """A queue that only remembers which messages were deleted together.

    :ivar asked: those that were asked for directly, if that is so, each with what takes which are left.
    """

    name, hidden = "q", 300

    def __init__(self, *, is_direct=False):
        self.deleted = []
        self.asked = [] if is_direct else None

    def ask_delete(self, handles, take):
        """Ask for messages to be deleted."""
        if self.asked is not None:
            self.asked.append((sorted(handles), take))
        return self.asked is not None

    def delete(self, handles, *, failed=False):
        """Delete messages."""
        self.deleted.append(sorted(handles))
        return set()

    def hide(self, handles, seconds):
        """Do nothing."""


def started(queue):
    """Return the messages of *queue*, whose thread waits for something to do, and its clock."""
    clock = ManualClock()
    messages = Messages(queue, "cloudtrail", clock)
    messages.start()
    clock.until_waiting()
    return messages, clock


def test_deleted_together():
    """Messages that are done within a second are deleted by one request; ten of them, and the last ones, at once."""
    queue = Deletions()
    messages, clock = started(queue)
    messages.delete(["a"], more=True)
    wait_until(lambda: clock.until_waiting() <= GATHER)
    messages.delete(["b", "c"], more=True)
    assert [] == queue.deleted
    clock.advance(GATHER)
    wait_until(lambda: queue.deleted)
    wait_until(lambda: clock.until_waiting() > GATHER)
    messages.delete(map(str, range(10)), more=True)
    wait_until(lambda: len(queue.deleted) == 2)
    messages.delete(["y"])
    wait_until(lambda: len(queue.deleted) == 3)
    messages.delete(["z"], more=True)
    messages.close()

    assert [["a", "b", "c"], [*map(str, range(10))], ["y"], ["z"]] == queue.deleted


def test_deleted_directly():
    """Ten messages that are done are asked for directly; what is not deleted then is asked of boto3, at the end too."""
    queue = Deletions(is_direct=True)
    messages, _ = started(queue)
    names = [f"{at:02}" for at in range(33)]
    messages.hold(names)
    messages.delete(names, more=True)
    asked = [some for some, _ in queue.asked]
    assert [10, 10, 10] == [len(some) for some in asked]
    queue.asked[0][1](set())
    queue.asked[1][1]({asked[1][0]})
    messages.close()

    assert set(names) - set(asked[0]) - set(asked[1][1:]) == {name for some in queue.deleted for name in some}
    assert messages._held == set()


def test_deleted_soon():
    """Messages that have just been done are not deleted with those that were done a second ago, but a second later."""
    queue = Deletions()
    messages, clock = started(queue)
    messages.delete(["a"], more=True)
    wait_until(lambda: clock.until_waiting() <= GATHER)
    clock.advance(GATHER * 0.9)
    messages.delete(["b"], more=True)
    clock.advance(GATHER * 0.1)
    wait_until(lambda: queue.deleted)
    assert [["a"]] == queue.deleted
    wait_until(lambda: clock.until_waiting() <= GATHER)
    clock.advance(GATHER)
    wait_until(lambda: len(queue.deleted) == 2)
    messages.close()

    assert [["a"], ["b"]] == queue.deleted


def test_left_for_another_attempt():
    """What SQS wants another attempt for is not asked for again and again."""
    queue = Deletions()
    delete = queue.delete
    queue.delete = lambda handles, **how: delete(handles) or set(handles)
    messages, clock = started(queue)
    messages.delete(["a"])
    wait_until(lambda: queue.deleted)
    wait_until(lambda: clock.until_waiting() > GATHER)
    assert [["a"]] == queue.deleted
    messages.close()


def test_last_answers():
    """At the end, answers to what was asked directly are awaited; boto3 does not ask the same again."""
    queue = Deletions(is_direct=True)
    messages = Messages(queue, "cloudtrail", ManualClock())
    messages.start()
    messages.hold(["a"])
    messages.delete(["a"])
    ((some, take),) = queue.asked
    waited = []
    messages.close(lambda seconds: waited.append(seconds) or (len(waited) == 2 and take(set())))

    assert (["a"], 2, []) == (some, len(waited), queue.deleted)


def test_last_answers_that_do_not_come():
    """They are awaited for about a second; then boto3 asks."""
    queue = Deletions(is_direct=True)
    messages = Messages(queue, "cloudtrail", ManualClock())
    messages.start()
    messages.delete(["a"])
    waited = []
    messages.close(waited.append)

    assert (1.0, [["a"]]) == (pytest.approx(sum(waited)), queue.deleted)


def test_deletion_that_fails():
    """What could not be asked for directly is asked of boto3."""
    queue = Deletions(is_direct=True)
    messages, _ = started(queue)
    messages.delete(map(str, range(10)))
    ((some, take),) = queue.asked
    assert [] == queue.deleted
    take(None)
    wait_until(lambda: queue.deleted)
    messages.close()

    assert [some] == queue.deleted
