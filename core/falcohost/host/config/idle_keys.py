"""Falco's keys that are accepted but ignored in this version, so that one file works for both programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from falcohost.specs import ConfigKey, KeyType


def _idle(section: str, **keys: KeyType) -> Iterator[ConfigKey]:
    """Yield ignored keys of Falco's section *section*."""
    for name, kind in keys.items():
        yield ConfigKey(key=f"{section}.{name}" if section else name, type=kind, effect=False)


#: Keys of features that this version does not have. Enabled outputs get a warning; one message
#: lists the other keys.
IDLE: Final = (
    ConfigKey(key="syslog_output.enabled", type=bool),
    *(
        ConfigKey(key=f"http_output.{name}", type=kind)
        for name, kind in {
            "enabled": bool,
            "url": str,
            "user_agent": str,
            "insecure": bool,
            "ca_cert": str,
            "ca_bundle": str,
            "ca_path": str,
            "mtls": bool,
            "client_cert": str,
            "client_key": str,
            "echo": bool,
            "compress_uploads": bool,
            "keep_alive": bool,
            "max_consecutive_timeouts": int,
        }.items()
    ),
    *(
        ConfigKey(key=f"program_output.{name}", type=kind)
        for name, kind in {"enabled": bool, "keep_alive": bool, "program": str}.items()
    ),
    *_idle("outputs_queue", capacity=int),
    *_idle("capture", enabled=bool, path_prefix=str, mode=str, default_duration=int, max_file_size_mb=int),
    *_idle("", plugins_hostinfo=bool),
    *_idle(
        "webserver",
        enabled=bool,
        threadiness=int,
        listen_port=int,
        listen_address=str,
        k8s_healthz_endpoint=str,
        prometheus_metrics_enabled=bool,
        ssl_enabled=bool,
        ssl_certificate=str,
    ),
    *_idle("libs_logger", enabled=bool, severity=str),
    *_idle(
        "metrics",
        enabled=bool,
        interval=str,
        output_rule=bool,
        output_file=str,
        rules_counters_enabled=bool,
        resource_utilization_enabled=bool,
        state_counters_enabled=bool,
        kernel_event_counters_enabled=bool,
        kernel_event_counters_per_cpu_enabled=bool,
        kernel_iter_event_counters_enabled=bool,
        libbpf_stats_enabled=bool,
        plugins_metrics_enabled=bool,
        jemalloc_stats_enabled=bool,
        convert_memory_to_mb=bool,
        include_empty_values=bool,
    ),
)
