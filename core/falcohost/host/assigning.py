"""Decides in the reader which sources the agent opens, and what each process gets, at start-up and for a reload."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from falcohost.engine.event_fields import hostname
from falcohost.engine.facts import facts_by_rule
from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Rule, Ruleset
from falcohost.engine.texts import valid
from falcohost.helpers import HelperSpec
from falcohost.hookspecs import SourceSpec
from falcohost.host.agent_options import AgentOptions
from falcohost.host.assignment import Assignment, Drops, HealthAssignment, ResponseAssignment, SourceAssignment
from falcohost.host.capturing.data import CaptureData
from falcohost.host.capturing.helper import helper as capture_helper
from falcohost.host.config import Config
from falcohost.host.config.response import HTTP, OWN, PROGRAM
from falcohost.host.early import loader_data
from falcohost.host.enabled_subscribers import check_names, connects_of, enabled_outputs, files_of, json_options
from falcohost.host.encoded_rules import encode_all, encode_rules
from falcohost.host.given import Configured
from falcohost.host.health.data import HealthData, health_data
from falcohost.host.kept_asked import KeptAsked
from falcohost.host.outputs_data import OutputsData, outputs_data
from falcohost.host.plugins import PluginData, Plugins, plugin_data
from falcohost.host.rate_checks import warn_of_idle_limits
from falcohost.host.response.assigning import ResponseParts, replays, response_parts
from falcohost.host.settings import source_settings
from falcohost.host.sources import chosen_sources, opened
from falcohost.host.version import falcohost_version
from falcohost.host.worker_data import WorkerData
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.log import log
from falcohost.outputs.file import rotation_of
from falcohost.pipeline.patterns import have_patterns
from falcohost.pipeline.rules import lookups_of
from falcohost.rules.cache_files import rules_directory
from falcohost.rules.pace import showing_seconds


class Assigning:
    """Assigns what was configured.

    :param sources: the sources of the running agent; None: choose them.
    :ivar sources: names of the sources to open.
    """

    def __init__(
        self, given: Configured, plugins: Plugins, options: AgentOptions, sources: list[str] | None = None
    ) -> None:
        self._given = given
        self._plugins = plugins
        self._options = options
        self._hostname = valid(hostname())
        self.sources = self._chosen() if sources is None else sources
        warn_of_idle_limits(given.config.state.limits.rates, given.ruleset)

    def count(self) -> int:
        """Return how many rules are enabled for all sources."""
        return sum(len(self._given.ruleset.enabled(name)) for name in self.sources)

    def assignment(self) -> Assignment:
        """Return what the supervisor gets."""
        config = self._given.config
        specs, settings = self._plugins.sources(), source_settings(self._plugins)
        drops = {name: make(settings[name]) for name in self.sources if (make := specs[name].drops) is not None}
        return Assignment(
            sources=[
                SourceAssignment(
                    name,
                    facts_by_rule(self._given.ruleset.enabled(name)),
                    Drops.of(drops[name]) if name in drops else None,
                    (*specs[name].modules, *modules_of(self._given.ruleset.enabled(name))),
                    specs[name].sentinel,
                    specs[name].load is not None,
                )
                for name in self.sources
            ],
            rules=self._given.rules,
            read=[(os.fsencode(path), stamp) for path, stamp in self._given.read.items()],
            watches=self._given.config.rules.watched,
            awaited=[os.fsencode(path) for one in self._idle for path in one.places or ()],
            state=os.fsencode(config.state.directory),
            limits=config.state.limits,
            redaction=config.outputs.redaction if config.outputs.redaction.store else None,
            nice=config.nice,
            uids=(config.uids[0], config.uids[-1]),
            watch_interval=config.watch_interval,
            source_timeout=config.source_timeout,
            output_timeout=config.outputs.timeout,
            hostname=self._hostname,
            iso8601=config.alerts.iso_8601,
            outputs=self._outputs,
            selections={name: config.outputs.enabled[name].selection for name in self._outputs},
            subscribers=[*self._plugins.subscribers()],
            only_log=config.only_logs,
            version=falcohost_version(),
            files=[os.fsencode(path) for path in files_of(self._outputs, config.outputs, self._plugins)],
            connects=connects_of(self._outputs, config.outputs, self._plugins),
            rotations=[
                (os.fsencode(str(one.block["filename"])), rotation_of(one.block))
                for one in config.outputs.enabled.values()
                if one.kind == "file"
            ],
            runs_programs="program" in config.outputs.kinds,
            health=_health(self.health),
            response=_response(self.response),
            off=list(config.internal.off),
            heartbeat=config.internal.heartbeat,
        )

    @functools.cached_property
    def health(self) -> HealthData | None:
        """Return what the health process gets; None: there is none.

        :raises ConfigError: the token cannot be read.
        """
        versions = {plugin.name: plugin.version for plugin in self._plugins.loaded}
        return health_data(self._given, self.sources, versions, self._hostname)

    @functools.cached_property
    def response(self) -> ResponseParts | None:
        """Return what the processes that act on alerts get; None: there are none.

        :raises ConfigError: an action is bound to what there is not, or has settings that it does not take.
        """
        sources = [] if self._options.once else self.sources
        return response_parts(self._given, self._plugins, sources, self._hostname)

    @functools.cached_property
    def _outputs(self) -> list[str]:
        return [*enabled_outputs(self._given.config.outputs, self._plugins.outputs())]

    def outputs(self) -> OutputsData:
        """Return what outputs and other subscribers get.

        :raises ConfigError: no output is enabled.
        :raises PluginError: plugins' names clash.
        """
        config = self._given.config
        names = self._outputs
        check_names(self._plugins, config.outputs)
        return outputs_data(names, config, self._plugins, json_options(config.alerts), self._hostname)

    def workers(self) -> list[WorkerData]:
        """Return what each worker gets.

        :raises ConfigError: a setting cannot be plain data.
        """
        with showing_seconds(f"Deciding what is collected for {self.count():,} rules"):
            return [self._worker(name) for name in self.sources]

    def _worker(self, source: str) -> WorkerData:
        config, spec = self._given.config, self._plugins.sources()[source]
        given, rules = loader_data(source, config, self._plugins), self._collected(source, spec)
        own = encode_rules(self._given.ruleset, source)
        encoded = own if self._captures[source] is None else encode_all(rules)
        asked = self._asked(source, spec, rules, given.plugins, encoded)
        return WorkerData(
            source=source,
            only_log=given.only_log,
            loads=bool(asked),
            helpers=[one for one in self._helpers[source] if one not in self._idle],
            plugins=given.plugins,
            environment=given.environment,
            programs=given.programs,
            static=given.static,
            rules=own,
            asked=asked,
            first=not config.rules.match_all,
            pipeline=config.pipeline,
            hostname=self._hostname,
            iso8601=config.alerts.iso_8601,
            base64=config.alerts.base64,
            once=self._options.once,
            loading=given.loading if asked else None,
            actions=None if self.response is None else tuple(self.response.actions.bound.get(source, ())),
            capture=self._captures[source],
            patterns=bool(asked) and have_patterns(rules),
        )

    @functools.cached_property
    def _helpers(self) -> Mapping[str, list[HelperSpec]]:
        """Return the helpers of each source and of what its rules read."""
        specs, rules, others = self._plugins.sources(), self._given.ruleset, self._given.config.others
        recording = [capture_helper(self._given.config.capture)] if any(self._captures.values()) else []
        return {
            name: [
                *specs[name].helpers,
                *helpers_of(rules.enabled(name), replayed=name == DEFAULT_SOURCE and replays(others)),
                *(recording if self._captures[name] is not None else ()),
            ]
            for name in self.sources
        }

    @functools.cached_property
    def _captures(self) -> Mapping[str, CaptureData | None]:
        """Return how each source's captures are recorded.

        :raises ConfigError: a filter is no condition over the source's fields.
        """
        config = self._given.config.capture
        if not config.enabled:
            return dict.fromkeys(self.sources)
        # It checks conditions, for which much is imported.
        from falcohost.host.capturing.collected import capture_data

        return {name: capture_data(config, name, self._plugins) for name in self.sources}

    @functools.cached_property
    def _idle(self) -> list[HelperSpec]:
        """Return the helpers that are of no use yet; what appears from now on, the supervisor notices."""
        return [one for helpers in self._helpers.values() for one in helpers if not one.is_of_use]

    def _collected(self, source: str, spec: SourceSpec) -> list[Rule]:
        """Return the rules for which the source collects: the enabled ones, and those of captures."""
        rules = list(self._given.ruleset.enabled(source))
        if spec.ask is not None and self._captures[source] is not None:
            from falcohost.host.capturing.collected import collected_rules

            rules += collected_rules(self._given.config.capture, spec, self._plugins)
        return rules

    def _asked(
        self, source: str, spec: SourceSpec, rules: Sequence[Rule], needed: Iterable[PluginData], encoded: bytes
    ) -> bytes:
        if (ask := spec.ask) is None:
            return b""
        settings, owner = source_settings(self._plugins)[source], self._plugins.owner(source)
        directory = rules_directory() if self._given.config.rules.cache else None
        return KeptAsked(directory, falcohost_version()).asked(
            spec,
            settings,
            [plugin_data(owner, owner.settings), *needed],
            encoded,
            lambda: ask(settings, make_plan(source, rules)) or b"",
        )

    def _chosen(self) -> list[str]:
        log.info("Loaded event sources: %s", ", ".join(self._plugins.sources()))
        selected = chosen_sources(self._plugins, self._options)
        log.info("Enabled event sources: %s", ", ".join(selected))
        needed = needed_sources(self._given.ruleset, self._plugins, self._options)
        if not needed:
            log.warning("No rule is enabled for %s: nothing will be detected", ", ".join(selected))
            needed = selected
        for name in selected:
            if name not in needed:
                log.info("Event source '%s' is not opened: none of its rules is enabled", name)
        return opened(needed, self._plugins)


def _health(data: HealthData | None) -> HealthAssignment | None:
    if data is None:
        return None
    web, metrics = data.web, data.metrics
    interval = metrics.interval if metrics is not None and (metrics.rule or metrics.file) else 0.0
    return HealthAssignment(
        interval=interval,
        alerts=metrics is not None and metrics.rule,
        serves=web is not None,
        tls=web is not None and bool(web.certificate),
    )


def helpers_of(rules: Iterable[Rule], *, replayed: bool) -> list[HelperSpec]:
    """Return the processes that ask for the lookups which *rules* read; *replayed*: what happened before is read."""
    specs = [one.spec for one in lookups_of(rules)]
    return [helper for spec in specs if not (replayed and spec.of_now) for helper in spec.helpers]


def modules_of(rules: Iterable[Rule]) -> Iterator[str]:
    """Yield the modules that processes need for the lookups which *rules* read."""
    for one in lookups_of(rules):
        yield from one.spec.modules


def _response(parts: ResponseParts | None) -> ResponseAssignment | None:
    if parts is None:
        return None
    return ResponseAssignment(
        names=[*parts.actions.actions],
        responds=parts.responses is not None,
        programs=PROGRAM in parts.kinds,
        posts=HTTP in parts.kinds,
        plugins=not parts.kinds <= {*OWN},
        connects=[*parts.connects],
    )


def needed_sources(ruleset: Ruleset, plugins: Plugins, options: AgentOptions) -> list[str]:
    """Return the sources to open for these rules."""
    selected = chosen_sources(plugins, options)
    return [name for name in selected if ruleset.enabled(name) or name in options.enable_sources]


def beside_rules(config: Config) -> bytes:
    """Return all of *config* but the rules, such that equal configurations are equal bytes."""
    parts = {name: getattr(config, name) for name in config.__slots__ if name not in ("document", "rules")}
    return repr(msgspec.to_builtins(parts, order="deterministic", enc_hook=_plain)).encode(errors="surrogatepass")


def _plain(value: object) -> object:
    """Return *value* in types that msgspec knows; NotImplementedError is how its ``enc_hook`` refuses any other."""
    if isinstance(value, range):
        return [value.start, value.stop]
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError
