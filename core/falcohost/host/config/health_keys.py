"""The keys of the endpoints and of metrics: Falco's blocks ``webserver`` and ``metrics``, and ours beside them."""

from __future__ import annotations

from typing import Final

from falcohost.specs import ConfigKey

#: The counters of Falco's block ``metrics`` that can be left out, by their keys, with what they are.
COUNTERS: Final = {
    "rules_counters_enabled": "matches of rules",
    "resource_utilization_enabled": "processor time and memory of the agent and of the host",
    "state_counters_enabled": "processes of the agent, alerts that wait, and the store",
    "kernel_event_counters_enabled": "events that sources received, filtered, passed on and lost",
    "libbpf_stats_enabled": "what events cost in the kernel",
    "plugins_metrics_enabled": "lookups, and requests that listeners turned away",
}


def _idle(key: str, default: bool | int, why: str) -> ConfigKey:
    return ConfigKey(key=key, type=type(default), default=default, effect=False, help=why)


HEALTH: Final = (
    ConfigKey(
        key="webserver.enabled",
        type=bool,
        default=False,
        help="answers `/healthz`, `/readyz` and `/versions` over HTTP, in a process of its own "
        "([metrics.md](metrics.md)); needs `falcohost[web]`",
    ),
    ConfigKey(key="webserver.listen_port", type=int, default=8765, help="port of the endpoints"),
    ConfigKey(
        key="webserver.listen_address",
        type=str,
        default="127.0.0.1",
        help="IP address of the endpoints. Falco's default is 0.0.0.0",
    ),
    ConfigKey(
        key="webserver.k8s_healthz_endpoint",
        type=str,
        default="/healthz",
        help="path that says whether the agent works",
    ),
    ConfigKey(
        key="webserver.prometheus_metrics_enabled",
        type=bool,
        default=False,
        help="answers `/metrics`, if `metrics.enabled` is true, too",
    ),
    _idle("webserver.threadiness", 0, "one thread answers all requests"),
    ConfigKey(key="webserver.ssl_enabled", type=bool, default=False, help="serves HTTPS"),
    ConfigKey(
        key="webserver.ssl_certificate",
        type=str,
        default="/etc/falco/falco.pem",
        help="file with the certificate and its key, for `ssl_enabled`",
    ),
    ConfigKey(
        key="falcohost.webserver.token_file",
        type=str,
        default="",
        help="file with the token that `/metrics` asks for (`Authorization: Bearer`); also the credential "
        "`FALCOHOST_METRICS_TOKEN` of systemd, or the environment variable of this name",
    ),
    ConfigKey(
        key="falcohost.webserver.hosts",
        type=list,
        shown_default="none",
        help="names by which the endpoints are reached, besides `localhost`, this host's name and IP addresses; "
        "requests for other names are refused",
    ),
    ConfigKey(
        key="metrics.enabled", type=bool, default=False, help="exports numbers: as `/metrics`, as alerts, or to a file"
    ),
    ConfigKey(
        key="metrics.interval",
        type=str,
        default="5000ms",
        help="time between two snapshots for `output_rule` and `output_file`: numbers with the units y, w, d, h, m, s "
        "and ms, as in `1h30m`; at least 100ms",
    ),
    ConfigKey(
        key="metrics.output_rule",
        type=bool,
        default=False,
        help="raises an alert of the rule `Falco internal: metrics snapshot` for each source",
    ),
    ConfigKey(
        key="metrics.output_file",
        type=str,
        default="",
        help="file to which each snapshot is appended as a line of JSON",
    ),
    *(
        ConfigKey(key=f"metrics.{key}", type=bool, default=True, help=f"exports {what}")
        for key, what in COUNTERS.items()
    ),
    ConfigKey(
        key="metrics.convert_memory_to_mb", type=bool, default=True, help="snapshots have memory in MB, else in bytes"
    ),
    ConfigKey(
        key="metrics.include_empty_values", type=bool, default=False, help="exports numbers that are 0, and empty texts"
    ),
    _idle("metrics.kernel_event_counters_per_cpu_enabled", False, "no buffer is of one CPU"),
    _idle("metrics.kernel_iter_event_counters_enabled", True, "the kernel is not read by iterators again and again"),
    _idle("metrics.jemalloc_stats_enabled", True, "falcohost does not use jemalloc"),
)
