"""What the health process gets, as plain data, in a memfd that no other process reads."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from falcohost.engine.ruleset import Ruleset
from falcohost.errors import ConfigError, SourceError
from falcohost.host.config.health import HealthConfig, MetricsConfig, WebConfig
from falcohost.host.given import Configured
from falcohost.host.sealed import read_sealed, sealed
from falcohost.host.version import as_json
from falcohost.installing import how_to_install
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.log import log
from falcohost.regular import read_regular

#: The name of the credential, or of the environment variable, with the token for ``/metrics``.
VARIABLE: Final = "FALCOHOST_METRICS_TOKEN"

#: What the endpoints, and the form of metrics, are made with.
_MODULES: Final = ("tornado", "prometheus_client")

#: The most bytes of a file whose hash is exported.
_LARGEST: Final = 64 << 20

#: Names of engines in Falco's metrics, by ``engine.kind``.
ENGINES: Final = {
    "modern_ebpf": "modern_bpf",
    "ebpf": "bpf",
    "kmod": "kmod",
    "replay": "savefile",
    "nodriver": "nodriver",
}


class RuleLabels(msgspec.Struct, frozen=True):
    """What metrics say of a rule; *priority* is 0 to 7."""

    source: str
    priority: int
    tags: tuple[str, ...]


class HealthData(msgspec.Struct, frozen=True):
    """Everything that the health process needs.

    :ivar token: the token that ``/metrics`` asks for; None: it asks for none.
    :ivar hosts: the names that this host has.
    :ivar rules: the enabled rules of each source, by name.
    :ivar rules_files: the SHA-256 of each rules file by its name; *config_files*: that of each configuration file.
    :ivar engines: the name of the engine of each source, as Falco has it.
    :ivar versions: what ``/versions`` answers.
    """

    web: WebConfig | None
    metrics: MetricsConfig | None
    token: bytes | None
    hosts: tuple[str, ...]
    hostname: str
    rules: Mapping[str, list[tuple[str, RuleLabels]]]
    rules_files: Mapping[str, str]
    config_files: Mapping[str, str]
    engines: Mapping[str, str]
    versions: Mapping[str, Any]


def health_data(
    given: Configured, sources: Iterable[str], plugins: Mapping[str, str], hostname: str
) -> HealthData | None:
    """Return the data; None if the configuration needs no health process.

    :param plugins: the version of each loaded plugin.
    :raises ConfigError: the token cannot be read.
    """
    health = given.config.health
    if not health.needed or _misses(health):
        return None
    web = health.web
    return HealthData(
        web=web,
        metrics=health.metrics,
        token=_token(web),
        hosts=("localhost", hostname, *(() if web is None else web.hosts)),
        hostname=hostname,
        rules={name: _labels(given.ruleset, name) for name in sources},
        rules_files=_hashes(path for path in given.read if path not in given.config.document.stamps),
        config_files=_hashes(given.config.document.stamps),
        engines={name: _engine(given, name) for name in sources},
        versions=as_json() | ({"plugin_versions": dict(plugins)} if plugins else {}),
    )


def unseal_health(descriptor: int) -> HealthData:
    """Return the data in a memfd.

    :raises ValueError: it is something else.
    """
    return _decoder.decode(read_sealed(descriptor))


def seal_health(data: HealthData) -> int:
    """Return the descriptor of a sealed memfd with *data*."""
    return sealed("falcohost health", _encode(data))


def _misses(health: HealthConfig) -> bool:
    """Warn if a package is missing; return whether one is. Detection does not depend on it."""
    missing = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    if missing:
        mend = how_to_install("web")
        what = "webserver" if health.web is not None else "metrics"
        log.error("%s is enabled, but %s is not installed: %s", what, " and ".join(missing), mend)
    return bool(missing)


def _token(web: WebConfig | None) -> bytes | None:
    if web is None or not web.metrics:
        return None
    from falcohost.web.secret import read_token  # only those who have endpoints need this

    try:
        return read_token("webserver", web.token_file, VARIABLE)
    except SourceError as error:
        raise ConfigError(str(error)) from error


def _labels(ruleset: Ruleset, source: str) -> list[tuple[str, RuleLabels]]:
    return [(rule.name, RuleLabels(source, int(rule.priority), tuple(rule.tags))) for rule in ruleset.enabled(source)]


def _engine(given: Configured, source: str) -> str:
    if source != DEFAULT_SOURCE:
        return "source_plugin"
    engine = given.config.others.get("engine", {})
    kind = engine.get("kind") if isinstance(engine, Mapping) else None
    return ENGINES.get(str(kind or "modern_ebpf"), "source_plugin")


def _hashes(paths: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of the files at *paths*, by their names."""
    import hashlib  # OpenSSL, which hardly anybody else needs

    found = {}
    for path in paths:
        try:
            found[Path(path).name] = hashlib.sha256(read_regular(path, _LARGEST)).hexdigest()
        except (OSError, ValueError):
            continue  # a folder, or a file that is gone
    return {os.fsencode(name).decode(errors="replace"): found[name] for name in found}


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(HealthData)
