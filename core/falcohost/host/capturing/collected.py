"""What is collected for captures, as rules: the source collects what rules want."""

from __future__ import annotations

from typing import Final

from falcohost.alert import Priority
from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.evttypes import event_types
from falcohost.engine.ruleset import Rule, Ruleset
from falcohost.engine.static_fields import static_fields
from falcohost.engine.template import Template
from falcohost.engine.typecheck import check
from falcohost.errors import ConfigError
from falcohost.hookspecs import SourceSpec
from falcohost.host.capturing.data import CaptureData
from falcohost.host.config.capture import NONE, CaptureConfig
from falcohost.host.encoded_rules import encode_rules
from falcohost.host.plugins import Plugins
from falcohost.lang.parser import parse
from falcohost.lang.syntax import ConditionSyntaxError

#: The names of the rules: no alert has them.
_DURING: Final = "collected for captures"
_BEFORE: Final = "kept before alerts"
#: The condition that no event meets.
_NO_EVENT: Final = "evt.num = 0"


def capture_data(config: CaptureConfig, source: str, plugins: Plugins) -> CaptureData | None:
    """Return how the worker of *source* records; None: it does not.

    :raises ConfigError: a filter is no condition over the source's fields.
    """
    spec = plugins.sources()[source]
    if not config.enabled or spec.recorder is None:
        return None
    rules = collected_rules(config, spec, plugins)
    encoded = encode_rules(Ruleset(tuple(rules)), source)
    return CaptureData(config.every_rule, config.duration, config.seconds, config.memory, encoded)


def collected_rules(config: CaptureConfig, spec: SourceSpec, plugins: Plugins) -> list[Rule]:
    """Return what is collected during captures, and, if anything is kept before alerts, what that is.

    :raises ConfigError: a filter is no condition over the source's fields.
    """
    fields = (*GENERIC_FIELDS, *static_fields(plugins.static), *plugins.fields(spec.name))
    catalog = Catalog(spec.name, fields)
    during = config.filter or (spec.recorded.filter if spec.recorded is not None else NONE)
    found = [_rule(_DURING, "falcohost.capture.filter", during, spec, catalog)]
    if config.seconds:
        before = config.before or during
        found.append(_rule(_BEFORE, "falcohost.capture.before.filter", before, spec, catalog))
    return found


def _rule(name: str, key: str, text: str, spec: SourceSpec, catalog: Catalog) -> Rule:
    always = "" if spec.recorded is None else ", ".join(sorted(spec.recorded.always))
    text = _NO_EVENT if text.strip() == NONE else text
    try:
        check(parse(text), catalog)  # alone, so that an error's place is right
        condition = check(parse(f"({text}) or evt.type in ({always})" if always else text), catalog).expr
    except (ConditionSyntaxError, TypeCheckError) as error:
        hint = getattr(error, "hint", None)
        more = f"; {hint}" if hint else ""
        raise ConfigError(f"{key}: {error.message}{more} (character {error.pos.offset + 1})") from None
    return Rule(
        name=name,
        source=spec.name,
        priority=Priority.DEBUG,
        tags=(),
        description="",
        condition=condition,
        output=Template.parse("-", catalog, extra_fields=() if spec.recorded is None else spec.recorded.fields),
        event_types=event_types(condition, spec.event_types),
    )
