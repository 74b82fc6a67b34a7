"""The text of ``/metrics``: promtool takes it, and it says what the snapshot says."""

import shutil
import subprocess

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from falcohost.host.health import falco
from falcohost.host.health.exposition import FALCOS, exposition, plain
from falcohost.host.health.machine import Machine
from falcohost.testing import skip_or_fail


def text_of(snapshot, data):
    """Return the text."""
    return exposition(snapshot, data, Machine(), 1_800_000_000_000_000_000).decode()


def values(text):
    """Return each value by its name and labels."""
    families = text_string_to_metric_families(text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def test_promtool_has_no_complaint(snapshot, data):
    """Promtool finds nothing wrong with falcohost's own metrics, and with Falco's only what their names are."""
    if (promtool := shutil.which("promtool")) is None:
        skip_or_fail("prometheus", "promtool is missing: apt-get install prometheus")
    done = subprocess.run([promtool, "check", "metrics"], input=text_of(snapshot, data), capture_output=True, text=True)
    complaints = (done.stdout + done.stderr).splitlines()

    assert done.returncode in (0, 3), complaints
    assert [] == [line for line in complaints if line and not line.startswith(FALCOS)]
    assert {"_total", "base unit"} >= {word for line in complaints for word in ("_total", "base unit") if word in line}


def test_values_of_ours_and_of_falcos(snapshot, data):
    """A number is there under falcohost's name and, where Falco has one, under Falco's."""
    found = values(text_of(snapshot, data))

    assert 100 == found["falcohost_source_lost_total", frozenset({("source", "syscall"), ("cause", "full")})]
    assert 900 == found["falcosecurity_scap_n_evts_total", frozenset()]
    assert 100 == found["falcosecurity_scap_n_drops_total", frozenset()]
    drops = {labels: value for (name, labels), value in found.items() if name.endswith("n_drops_buffer_total")}
    assert {"open": 3, "execve": 0} == {
        kind: drops[frozenset({("drop", kind), ("dir", "exit")})] for kind in ("open", "execve")
    }
    assert 6 == found["falcosecurity_falco_outputs_queue_num_drops_total", frozenset()]
    assert 0.1 == found["falcosecurity_falco_cpu_usage_ratio", frozenset()]
    assert 3 << 20 == found["falcosecurity_falco_memory_pss_bytes", frozenset()]
    assert 0 < found["falcosecurity_falco_host_memory_used_bytes", frozenset()]
    assert (
        1
        == found[
            "falcosecurity_falco_sha256_rules_files_info",
            frozenset({("file_name", "rules.yaml"), ("sha256", "ab" * 32)}),
        ]
    )


def test_all_names_of_falco_are_there(snapshot, data):
    """Every one of Falco's names that the page lists has a value."""
    named = {name for name, _ in values(text_of(snapshot, data))}

    assert {f"{FALCOS}{name}" for name in falco.HELP} == {name for name in named if name.startswith(FALCOS)}


def test_labels_of_rules(snapshot, data, hostile):
    """A rule that has matched has Falco's labels; its name stays one label, whatever is in it."""
    found = values(text_of(snapshot, data))
    rules = {
        dict(labels)["rule_name"]: (dict(labels), value)
        for (name, labels), value in found.items()
        if name == "falcosecurity_falco_rules_matches_total"
    }

    assert {"Read shadow", hostile} == {*rules}
    labels = {"priority": "4", "rule_name": "Read shadow", "source": "syscall", "tag_T1_2": "true", "tag_b": "true"}
    assert (labels, 7) == rules["Read shadow"]


def test_rules_that_have_not_matched(snapshot, data):
    """They are there if empty values are asked for."""
    with_empty = msgspec.structs.replace(data, metrics=msgspec.structs.replace(data.metrics, empty=True))

    assert 'rule_name="Never"' not in text_of(snapshot, data)
    assert 'rule_name="Never"' in text_of(snapshot, with_empty)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("rules_counters_enabled", "rules_matches_total"),
        ("rules_counters_enabled", "source_rules_matched_total"),
        ("resource_utilization_enabled", "cpu_usage_ratio"),
        ("resource_utilization_enabled", "process_rss_bytes"),
        ("state_counters_enabled", "output_waiting"),
        ("kernel_event_counters_enabled", "scap_n_evts_total"),
        ("kernel_event_counters_enabled", "source_received_total"),
        ("libbpf_stats_enabled", "types_timed_total"),
        ("plugins_metrics_enabled", "lookups_found_total"),
    ],
)
def test_what_is_switched_off(snapshot, data, key, name):
    """What a key of the block ``metrics`` switches off is not there, and the rest is."""
    fewer = msgspec.structs.replace(
        data, metrics=msgspec.structs.replace(data.metrics, counters=data.metrics.counters - {key})
    )

    assert name in text_of(snapshot, data)
    assert name not in text_of(snapshot, fewer)
    assert "falcohost_source_up" in text_of(snapshot, fewer)


def test_help_is_plain():
    """Links and marks of the documentation are not in the text."""
    assert "no rule (decision 8), so `x` (y)".replace("`", "") == plain(
        "no [rule](a.md) ([decision 8](b.md)), so `x` (y)"
    )
