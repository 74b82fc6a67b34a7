"""The smallest network with an address decides, as if all were tried."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from falcohost_tables.index import Networks

numbers = st.one_of(st.integers(0, 15), st.integers(0, (1 << 32) - 1))


def network(number, length, version):
    """Return a network."""
    bits = 32 if version == 4 else 128
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    return ipaddress.ip_network((kind(number << (bits - 32)), length), strict=False)


networks = st.builds(network, numbers, st.integers(0, 32), st.sampled_from([4, 6]))


@given(st.lists(networks, max_size=20), numbers, st.sampled_from([4, 6, "mapped"]))
def test_the_smallest_network_decides(listed, number, version):
    """The row is that of the longest prefix; an IPv4 address that is written as one of IPv6 is one of IPv4."""
    rows = Networks()
    for one in listed:
        assert rows.add((str(one), "x"))
    plain = network(number, 32, 6 if version == 6 else 4).network_address
    holding = [one for one in listed if one.version == plain.version and plain in one]
    expected = max(holding, key=lambda one: one.prefixlen, default=None)
    asked = f"::ffff:{plain}" if version == "mapped" else str(plain)

    assert (None if expected is None else (str(expected), "x")) == rows.find(asked.encode())
    assert len(set(listed)) == len(rows)


def test_what_is_no_address_has_no_row():
    """A value that is no address is in no network."""
    rows = Networks()
    rows.add(("0.0.0.0/0",))

    assert [None, None, None] == [rows.find(key) for key in (b"web1", b"\xff", b"1.2.3.4/32")]


def test_two_rows_for_one_network_are_found():
    """A network may be there again with the same values, and not with others."""
    rows = Networks()

    assert [True, True, False] == [rows.add(row) for row in (("::/0", "a"), ("::/0", "a"), ("::/0", "b"))]
