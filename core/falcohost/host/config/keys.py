"""Every key of a configuration, Falco's and ours: its kind, and whether it has an effect in this version.

A key that is not here gets a warning with the name that was probably meant. One that is here without effect is
named once, so that nobody believes that it works. ``--config-schema`` prints the same table.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from falcohost.host.config.tree import Mapping, Scalar, Sequence, Tree, as_bool

_Keys: TypeAlias = "dict[str, str | _Keys]"

_SWITCH: _Keys = {"enabled": "boolean"}
_ABLE: _Keys = {"rule": "string", "tag": "string"}

#: A list of mappings is written as a mapping whose one key is ``[]``.
KEYS: _Keys = {
    "config_files": "list",
    "watch_config_files": "boolean",
    "rules_files": "list",
    "rules_file": "list",
    "rules": {"[]": {"enable": _ABLE, "disable": _ABLE}},
    "engine": {
        "kind": "string",
        "kmod": {"buf_size_preset": "integer", "drop_failed_exit": "boolean"},
        "modern_ebpf": {
            "cpus_for_each_buffer": "integer",
            "buf_size_preset": "integer",
            "drop_failed_exit": "boolean",
            "disable_iterators": "boolean",
        },
        "replay": {"capture_file": "string"},
    },
    "capture": {
        "enabled": "boolean",
        "path_prefix": "string",
        "mode": "string",
        "default_duration": "integer",
        "max_file_size_mb": "integer",
    },
    "load_plugins": "list",
    "plugins": {"[]": {"name": "string", "library_path": "string", "init_config": "any", "open_params": "any"}},
    "plugins_hostinfo": "boolean",
    "time_format_iso_8601": "boolean",
    "buffer_format_base64": "boolean",
    "priority": "string",
    "json_output": "boolean",
    "json_include_output_property": "boolean",
    "json_include_message_property": "boolean",
    "json_include_output_fields_property": "boolean",
    "json_include_tags_property": "boolean",
    "buffered_outputs": "boolean",
    "rule_matching": "string",
    "outputs_queue": {"capacity": "integer"},
    "append_output": {
        "[]": {
            "match": {"source": "string", "tags": "list", "rule": "string"},
            "extra_output": "string",
            "extra_fields": "list",
            "suggested_output": "boolean",
        }
    },
    "static_fields": "any",
    "stdout_output": _SWITCH,
    "syslog_output": _SWITCH,
    "file_output": {"enabled": "boolean", "keep_alive": "boolean", "filename": "string"},
    "http_output": {
        "enabled": "boolean",
        "url": "string",
        "user_agent": "string",
        "insecure": "boolean",
        "ca_cert": "string",
        "ca_bundle": "string",
        "ca_path": "string",
        "mtls": "boolean",
        "client_cert": "string",
        "client_key": "string",
        "echo": "boolean",
        "compress_uploads": "boolean",
        "keep_alive": "boolean",
        "max_consecutive_timeouts": "integer",
    },
    "program_output": {"enabled": "boolean", "keep_alive": "boolean", "program": "string"},
    "webserver": {
        "enabled": "boolean",
        "threadiness": "integer",
        "listen_port": "integer",
        "listen_address": "string",
        "k8s_healthz_endpoint": "string",
        "prometheus_metrics_enabled": "boolean",
        "ssl_enabled": "boolean",
        "ssl_certificate": "string",
    },
    "log_stderr": "boolean",
    "log_syslog": "boolean",
    "log_level": "string",
    "libs_logger": {"enabled": "boolean", "severity": "string"},
    "output_timeout": "integer",
    "syscall_event_timeouts": {"max_consecutives": "integer"},
    "syscall_event_drops": {
        "threshold": "number",
        "actions": "list",
        "rate": "number",
        "max_burst": "number",
        "simulate_drops": "boolean",
    },
    "metrics": {
        "enabled": "boolean",
        "interval": "string",
        "output_rule": "boolean",
        "output_file": "string",
        "rules_counters_enabled": "boolean",
        "resource_utilization_enabled": "boolean",
        "state_counters_enabled": "boolean",
        "kernel_event_counters_enabled": "boolean",
        "kernel_event_counters_per_cpu_enabled": "boolean",
        "kernel_iter_event_counters_enabled": "boolean",
        "libbpf_stats_enabled": "boolean",
        "plugins_metrics_enabled": "boolean",
        "jemalloc_stats_enabled": "boolean",
        "convert_memory_to_mb": "boolean",
        "include_empty_values": "boolean",
    },
    "base_syscalls": {"custom_set": "list", "repair": "boolean", "all": "boolean"},
    "falco_libs": {
        "thread_table_size": "integer",
        "thread_table_auto_purging_interval_s": "integer",
        "thread_table_auto_purging_thread_timeout_s": "integer",
        "snaplen": "integer",
    },
    "falcohost": {
        "cache": "boolean",
        "names": "string",
        "attach": "string",
        "pushdown": "boolean",
        "process_context": "boolean",
        "state_dir": "string",
        "watch_inodes": "list",
        "alerts": {"max_age_days": "integer", "max_size_mb": "integer"},
        "fold": {"enabled": "boolean", "after": "integer", "window": "number"},
        "lookups": {"wait": "number"},
    },
}

#: Outputs of Falco that this version does not have; an enabled one is warned of.
MISSING_OUTPUTS = ("syslog", "http", "program")

_NO_EFFECT = (
    "engine.modern_ebpf.cpus_for_each_buffer",
    "engine.modern_ebpf.disable_iterators",
    "outputs_queue",
    "capture",
    "plugins_hostinfo",
    "static_fields",
    "webserver",
    "libs_logger",
    "syscall_event_timeouts",
    "metrics",
    "base_syscalls.repair",
    "falco_libs",
)


def unknown_keys(root: Mapping, outputs: Iterable[str]) -> list[str]:
    """Return a sentence for each key that falcohost does not know. *outputs* are the names of plugins' outputs."""
    known: _Keys = {**KEYS, **{f"{name}_output": "any" for name in outputs}}
    return list(_unknown(root, known, ""))


def keys_without_effect(root: Mapping) -> list[str]:
    """Return the keys that are set, known, and do nothing in this version; what is switched off is not among them."""
    return [key for key in _NO_EFFECT if not _off(_find(root, key))]


def config_schema() -> dict[str, Any]:
    """Return the keys as a JSON schema."""
    return {"$schema": "http://json-schema.org/draft-06/schema#", "title": "FalcohostConfig", **_schema(KEYS)}


def _unknown(tree: Tree, known: str | _Keys, path: str) -> Iterator[str]:
    if isinstance(known, str):
        return
    if "[]" in known:
        for item in tree.items if isinstance(tree, Sequence) else [tree]:
            yield from _unknown(item, known["[]"], path)
    elif isinstance(tree, Mapping):
        for key, value in tree.entries.items():
            if key in known:
                yield from _unknown(value, known[key], f"{path}{key}.")
            else:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"; did you mean {path}{near[0]}?" if near else ""
                yield f"{tree.places.get(key, value.where)}: unknown key {path}{key}{hint}"


def _find(root: Mapping, dotted: str) -> Tree | None:
    found: Tree | None = root
    for key in dotted.split("."):
        found = found.entries.get(key) if isinstance(found, Mapping) else None
    return found


def _off(tree: Tree | None) -> bool:
    """Return whether a value says no: false, 0, nothing, or a section with ``enabled: false`` or only such."""
    if tree is None:
        return True
    if isinstance(tree, Scalar):
        return tree.absent or tree.text == "0" or as_bool(tree.text) is False
    if isinstance(tree, Mapping):
        enabled = tree.entries.get("enabled")
        return all(map(_off, tree.entries.values())) or (enabled is not None and _off(enabled))
    return not tree.items


def _schema(known: str | _Keys) -> dict[str, Any]:
    if isinstance(known, str):
        return {"list": {"type": "array"}, "any": {}}.get(known, {"type": known})
    if "[]" in known:
        return {"type": "array", "items": _schema(known["[]"])}
    properties = {key: _schema(value) for key, value in known.items()}
    # A plugin's output has its own block, which cannot be known here.
    patterns = {"patternProperties": {"^.+_output$": {"type": "object"}}} if known is KEYS else {}
    return {"type": "object", "additionalProperties": False, "properties": properties, **patterns}
