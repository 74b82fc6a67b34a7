"""Falco's blocks ``webserver`` and ``metrics``."""

import pytest

from falcohost.errors import ConfigError
from falcohost.host.config import load_config

#: The block of Falco's own file.
STOCK = """
webserver:
  enabled: true
  threadiness: 0
  listen_port: 8765
  listen_address: 0.0.0.0
  k8s_healthz_endpoint: /healthz
  prometheus_metrics_enabled: false
  ssl_enabled: false
  ssl_certificate: /etc/falco/falco.pem
metrics:
  enabled: false
  interval: 1h
  output_rule: true
"""


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a file with *text*."""

    def read(text, *options):
        (tmp_path / "falco.yaml").write_text(text)
        return load_config(str(tmp_path / "falco.yaml"), options).health

    return read


def test_off_unless_configured(read):
    """Without the blocks there is nothing, and no process for it."""
    health = read("json_output: true\n")

    assert (None, None, False) == (health.web, health.metrics, health.needed)


def test_the_block_of_falco(read):
    """Falco's own file names its address, which is obeyed; metrics are off."""
    health = read(STOCK)

    assert ("0.0.0.0", True, 8765, "/healthz", False, "") == (
        health.web.address, health.web.given, health.web.port, health.web.healthz, health.web.metrics,
        health.web.certificate,
    )  # fmt: skip
    assert None is health.metrics


def test_loopback_unless_told_otherwise(read):
    """Without an address it is loopback, which counts as not given."""
    web = read("webserver: {enabled: true}\n").web

    assert ("127.0.0.1", False) == (web.address, web.given)


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("1h", 3600), ("1h30m", 5400), ("2w1d", 1_296_000), ("100ms", 0.1), ("", 5)]
)
def test_intervals(read, text, seconds):
    """Times have Falco's units, in descending order; without one it is Falco's 5 seconds."""
    found = read(f"metrics: {{enabled: true, output_rule: true, interval: '{text}'}}\n").metrics

    assert pytest.approx(seconds) == found.interval


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        ("metrics: {enabled: true}", "metrics.enabled", "needs output_rule, output_file"),
        ("metrics: {enabled: true, output_rule: true, interval: 30m1h}", "metrics.interval", "such as 30s"),
        ("metrics: {enabled: true, output_rule: true, interval: 99ms}", "metrics.interval", "at least 100ms"),
        ("metrics: {enabled: true, output_rule: true, interval: ٣s}", "metrics.interval", "such as 30s"),
        ("webserver: {enabled: true, listen_address: localhost}", "webserver.listen_address", "an IP address"),
        ("webserver: {enabled: true, listen_port: 0}", "webserver.listen_port", "1 to 65535"),
        ("webserver: {enabled: true, listen_port: 70000}", "webserver.listen_port", "1 to 65535"),
        ("webserver: {enabled: true, k8s_healthz_endpoint: health}", "webserver.k8s_healthz_endpoint", "a path"),
        ("webserver: {enabled: true, k8s_healthz_endpoint: /metrics}", "webserver.k8s_healthz_endpoint", "a path"),
    ],
)
def test_what_makes_no_sense(read, text, key, problem):
    """It is an error that names the place, the key and what it has to be."""
    with pytest.raises(ConfigError) as raised:
        read(text + "\n")

    assert "falco.yaml:1:" in str(raised.value)
    assert f"{key} " in str(raised.value)
    assert problem in str(raised.value)


def test_blocks_that_are_off_are_not_looked_at(read):
    """A block that is switched off may have any values."""
    health = read("webserver: {enabled: false, listen_port: 0}\nmetrics: {enabled: false, interval: soon}\n")

    assert (None, None) == (health.web, health.metrics)
