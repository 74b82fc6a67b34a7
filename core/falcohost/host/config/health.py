"""Reads Falco's blocks ``webserver`` and ``metrics``, and what falcohost adds to them."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from msgspec import Struct

from falcohost.host.config.health_keys import COUNTERS
from falcohost.host.config.reader import Reader

#: Shortest time between two snapshots, in seconds.
SHORTEST: Final = 0.1

# Falco's durations; 1y is 365 days.
_UNITS: Final = {"y": 31_536_000.0, "w": 604_800.0, "d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION: Final = re.compile("".join(rf"(?:(?P<{unit}>[0-9]{{1,9}}){unit})?" for unit in _UNITS))


class WebConfig(Struct, frozen=True):
    """The endpoints.

    :ivar address: the IP address to listen on; *given*: it was configured.
    :ivar healthz: the path that says whether the agent works.
    :ivar metrics: ``/metrics`` is answered.
    :ivar certificate: the file with certificate and key; empty: no TLS.
    :ivar token_file: the file with the token for ``/metrics``; empty: none is named.
    :ivar hosts: further names of this host.
    """

    address: str
    given: bool
    port: int
    healthz: str
    metrics: bool
    certificate: str
    token_file: str
    hosts: tuple[str, ...]


class MetricsConfig(Struct, frozen=True):
    """What is exported.

    :ivar interval: seconds between two snapshots.
    :ivar rule: they are alerts.
    :ivar file: they are appended to this file; empty: to none.
    :ivar counters: the keys of :data:`COUNTERS` that are not switched off.
    :ivar megabytes: memory is in MB.
    :ivar empty: numbers that are 0 are exported.
    """

    interval: float
    rule: bool
    file: str
    counters: frozenset[str]
    megabytes: bool
    empty: bool


class HealthConfig(Struct, frozen=True):
    """Both; what is None is switched off."""

    web: WebConfig | None
    metrics: MetricsConfig | None

    @property
    def needed(self) -> bool:
        """Return whether there has to be a process for it."""
        snapshots = self.metrics is not None and (self.metrics.rule or bool(self.metrics.file))
        return self.web is not None or snapshots


def read_health(reader: Reader) -> HealthConfig:
    """Return the configuration of the endpoints and metrics.

    :raises ConfigError: a value makes no sense.
    """
    web, metrics = reader.section("webserver"), reader.section("metrics")
    exported = _metrics(metrics, web) if metrics.boolean("enabled") else None
    return HealthConfig(_web(web, reader, exported) if web.boolean("enabled") else None, exported)


def _web(section: Reader, reader: Reader, metrics: MetricsConfig | None) -> WebConfig:
    ours = reader.section("falcohost").section("webserver")
    address, port, healthz = section.text("listen_address"), section.integer("listen_port"), "k8s_healthz_endpoint"
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise section.error("listen_address", f"has to be an IP address, not '{address}'") from None
    if not 1 <= port <= 65535:
        raise section.error("listen_port", f"has to be 1 to 65535, not {port}")
    if not re.fullmatch(r"/[!-~]*", section.text(healthz)) or section.text(healthz) in ("/metrics", "/versions"):
        raise section.error(healthz, "has to be a path such as /healthz, and not one of another endpoint")
    return WebConfig(
        address=address,
        given=bool(section.has("listen_address") and section.data("listen_address")),
        port=port,
        healthz=section.text(healthz),
        metrics=metrics is not None and section.boolean("prometheus_metrics_enabled"),
        certificate=section.text("ssl_certificate") if section.boolean("ssl_enabled") else "",
        token_file=ours.text("token_file"),
        hosts=ours.texts("hosts"),
    )


def _metrics(section: Reader, web: Reader) -> MetricsConfig:
    rule, file = section.boolean("output_rule"), section.text("output_file")
    if not rule and not file and not (web.boolean("enabled") and web.boolean("prometheus_metrics_enabled")):
        what = "needs output_rule, output_file, or webserver.prometheus_metrics_enabled"
        raise section.error("enabled", f"{what}: otherwise nobody gets the metrics")
    return MetricsConfig(
        interval=_interval(section),
        rule=rule,
        file=file,
        counters=frozenset(key for key in COUNTERS if section.boolean(key)),
        megabytes=section.boolean("convert_memory_to_mb"),
        empty=section.boolean("include_empty_values"),
    )


def _interval(section: Reader) -> float:
    text = section.text("interval")
    found = _DURATION.fullmatch(text)
    seconds = sum(int(found[unit] or 0) * length for unit, length in _UNITS.items()) if found else 0.0
    if seconds < SHORTEST:
        raise section.error("interval", f"has to be a time of at least 100ms such as 30s or 1h30m, not '{text}'")
    return seconds
