"""The correlation keeps the contracts of falcohost, and counts as it says."""

import msgspec
import pytest

import falcohost_repeated
from falcohost import UserSubject
from falcohost.testing import PluginContract, SubscriberContract, alert
from falcohost_repeated import MOST_REMEMBERED, SECOND, Repeated

ANNA, BERT = UserSubject("user", "anna"), UserSubject("user", "bert")


def about(subject, seconds=0.0, rule="a", **more):
    """Return an alert about *subject*, this number of seconds after the first."""
    at = int(seconds * SECOND)
    return msgspec.structs.replace(alert(rule), subjects=(subject,), time=at, **more)


class TestPlugin(PluginContract):
    """Its hooks are sound."""

    plugin = falcohost_repeated


class TestRepeated(SubscriberContract):
    """It can be recreated at any moment."""

    plugin = falcohost_repeated
    subscriber = "repeated"

    @pytest.fixture
    def config(self):
        """Raise an alert for each three."""
        return {"count": 3}

    def alerts(self):
        """Return alerts about two users."""
        return [about(subject, second) for second in range(7) for subject in (ANNA, BERT)]


@pytest.mark.parametrize(
    ("alerts", "raised"),
    [
        ([about(ANNA), about(ANNA, 5), about(ANNA, 9.9)], 1),
        ([about(ANNA), about(ANNA, 5), about(ANNA, 10)], 0),
        ([about(ANNA), about(BERT), about(ANNA)], 0),
        ([about(ANNA), about(ANNA), about(ANNA, rule="b")], 0),
        ([about(ANNA, count=7), about(BERT, count=2)], 1),
        ([about(ANNA), about(ANNA), about(ANNA, depth=1)], 0),
        ([about(ANNA)] * 5, 1),
        ([about(ANNA)] * 6, 2),
    ],
)
def test_counts_within_the_time(alerts, raised):
    """Three alerts of a rule about one subject within ten seconds are one alert; then it starts again."""
    assert raised == len(Repeated(3, 10, None).take(alerts).alerts)


def test_what_it_remembers_is_bounded():
    """Beyond the bound it forgets who is quiet longest; its state does not grow."""
    one = Repeated(2, 10, None)
    one.take([about(UserSubject("user", str(number))) for number in range(MOST_REMEMBERED + 1)])

    assert [] == one.take([about(UserSubject("user", "0"))]).alerts
    assert 1 == len(one.take([about(UserSubject("user", str(MOST_REMEMBERED)))]).alerts)
    assert len(one.take([]).state) < 60 * MOST_REMEMBERED
