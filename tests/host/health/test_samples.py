"""Snapshots of Falco's block ``metrics``: their fields, rates, and what is left out."""

import json

import msgspec
import pytest

from falcohost.host.health.machine import Machine
from falcohost.host.health.messages import MOST_FIELDS, is_too_large
from falcohost.host.health.samples import Samples
from falcohost.host.numbers import RuleNumbers


@pytest.fixture
def samples(data):
    """Return what makes snapshots."""
    return Samples(data, Machine())


def take(samples, snapshot):
    """Return the fields of the one source."""
    (fields,) = samples.take(snapshot, 5)
    return fields


def later(snapshot, **numbers):
    """Return the snapshot with other numbers of the source."""
    (source,) = snapshot.sources
    changed = msgspec.structs.replace(source, numbers=msgspec.structs.replace(source.numbers, **numbers))
    return msgspec.structs.replace(snapshot, sources=[changed])


def test_fields_of_falco(samples, snapshot):
    """Fields have Falco's names."""
    fields = take(samples, snapshot)

    assert ("web-1", "syscall", 5, "modern_bpf") == (
        fields["evt.hostname"], fields["evt.source"], fields["falco.reload_ts"], fields["scap.engine_name"],
    )  # fmt: skip
    assert (90, 900, 100) == (fields["falco.num_evts"], fields["scap.n_evts"], fields["scap.n_drops"])
    assert (8, 7) == (fields["falco.rules.matches_total"], fields["falco.rules.Read_shadow"])
    assert (8.0, 3.0, 10.0) == (
        fields["falco.memory_rss_mb"], fields["falco.memory_pss_mb"], fields["falco.cpu_usage_perc"],
    )  # fmt: skip
    assert ("ab" * 32, "cd" * 32) == (
        fields["falco.sha256_rules_file.rules_yaml"], fields["falco.sha256_config_file.falco_yaml"],
    )  # fmt: skip


def test_the_start_stays_the_same(samples, snapshot):
    """The time of the start is the supervisor's, whenever it is told."""
    aged = msgspec.structs.replace(snapshot, seconds=snapshot.seconds + 5.0123)

    assert [1_700_000_000_123_456_789] * 2 == [take(samples, one)["falco.start_ts"] for one in (snapshot, aged)]


def test_our_own_fields(samples, snapshot):
    """Beside them are falcohost's metrics, those of a source without its name."""
    fields = take(samples, snapshot)

    assert (100, 0.5, 5) == (
        fields["falcohost.source_lost.full"],
        fields["falcohost.source_fill_ratio.calls"],
        fields["falcohost.output_waiting.stdout.output"],
    )


def test_rates_from_the_second_snapshot_on(samples, snapshot):
    """A rate needs two snapshots; the share of lost events is of those in between."""
    first, second = (
        take(samples, snapshot),
        take(samples, later(snapshot, received=975, passed=100, dropped={"full": 125})),
    )

    assert {"falco.evts_rate_sec", "scap.evts_rate_sec", "scap.evts_drop_rate_sec"} == {*second} - {*first} - {
        "scap.n_drops_perc"
    }
    assert (90, 100) == (second["falco.num_evts_prev"], second["falco.num_evts"])
    assert 25.0 == second["scap.n_drops_perc"]


def test_empty_values(samples, snapshot, data):
    """Numbers that are 0 are left out unless they are asked for."""
    with_empty = msgspec.structs.replace(data, metrics=msgspec.structs.replace(data.metrics, empty=True))
    fields = take(samples, snapshot)
    samples.renew(with_empty)

    assert "falcohost.store_unwritten" not in fields
    assert 0 == take(samples, snapshot)["falcohost.store_unwritten"]


def test_bytes(samples, snapshot, data):
    """Memory is in bytes if it is not to be in MB."""
    samples.renew(msgspec.structs.replace(data, metrics=msgspec.structs.replace(data.metrics, megabytes=False)))

    assert 8 << 20 == take(samples, snapshot)["falco.memory_rss_bytes"]


def test_a_line(samples, snapshot):
    """A line of the file has the number of the sample and the fields."""
    fields = take(samples, snapshot)
    line = samples.line(fields)

    assert {"sample": 1, "output_fields": fields} == json.loads(line)
    assert line.endswith(b"}\n") and 1 == line.count(b"\n")


def test_a_snapshot_has_a_limit(samples, snapshot):
    """Of names that somebody has made many and long most are left out, with their number."""
    rules = {f"{number} {'x' * 400}": RuleNumbers(1) for number in range(20_000)}
    fields = take(samples, later(snapshot, rules=rules))

    assert not is_too_large(fields)
    assert MOST_FIELDS >= len(fields)
    assert fields["falcohost.left_out"] > 15_000
    assert "falco.num_evts" in fields
