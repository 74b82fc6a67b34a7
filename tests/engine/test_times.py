"""Times as Falco shows them."""

import time

from hypothesis import given
from hypothesis import strategies as st

from falcohost.engine.times import iso8601, local_time, rfc3339

SECOND = 10**9


@given(st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(0, 1 << 31).map(lambda seconds: seconds * SECOND))
def test_parts_of_a_time(ts):
    """A time is shown as strftime(3) has it, whatever was shown before."""
    seconds, rest = divmod(ts, SECOND)
    shown = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))

    assert f"{shown}.{rest:09}Z" == rfc3339(ts)
    assert f"{shown}.{rest:09}+0000" == iso8601(ts)
    local = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds + time.localtime().tm_gmtoff))
    assert f"{local}.{rest:09}" == local_time(ts, date=True)
    assert f"{local[11:]}" == local_time(ts, fraction=False)


def test_a_number_outside_of_the_calendar():
    """A time that no calendar has is shown as the epoch."""
    assert "1970-01-01T00:00:00.000000007Z" == rfc3339((1 << 80) * SECOND + 7)
