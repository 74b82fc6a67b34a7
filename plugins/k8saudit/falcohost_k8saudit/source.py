"""The event source ``k8s_audit``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcohost import Source
from falcohost.jsonlog import JsonLog, JsonSource, file_input, user_at
from falcohost.web import WebhookInput
from falcohost_k8saudit.cloudwatch import cloudwatch_input
from falcohost_k8saudit.config import NAME, read_config

#: What Falco says of a document that is no audit event.
NOT_RECOGNIZED = "data not recognized as a k8s audit event"


def _other_kind(record: dict[str, Any]) -> str | None:
    """Tell what is no audit event: it says of itself that it is something else. In a list they need not say."""
    return None if record.get("kind", "Event") == "Event" else NOT_RECOGNIZED


LOG = JsonLog(
    source="k8s_audit",
    plugin=NAME,
    time="stageTimestamp",
    wrappers=("items",),
    skip=_other_kind,
    skip_reads=("kind",),
    subject=user_at("k8s.user", "user.username"),
)


def make_source(settings: Mapping[str, Any]) -> Source:
    """Return the source for the plugin's *settings*, unopened.

    :raises ConfigError: a setting is of the wrong kind.
    :raises SourceError: they name nothing that can be read.
    """
    config = read_config(settings)
    if config.listener is not None:
        return JsonSource(LOG, WebhookInput(config.listener, config.limits))
    if config.group is not None:
        return JsonSource(LOG, cloudwatch_input(config.group, config.limits, NAME))
    return JsonSource(LOG, file_input(config.open_params, plugin=NAME, follow=config.follow, limits=config.limits))
