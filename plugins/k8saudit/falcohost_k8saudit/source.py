"""The event source ``k8s_audit``: makes the input that the settings ask for."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Literal

from falcohost import Source
from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import JsonLog, JsonSource, file_input, user_at
from falcohost.web import WebhookInput
from falcohost_k8saudit.cloudwatch import cloudwatch_input
from falcohost_k8saudit.config import NAME, read_config
from falcohost_k8saudit.resources import READS, resources
from falcohost_k8saudit.webhook import WRAPPERS
from falcohost_k8saudit.wrappings import MARKS, unwrapped

#: Falco's message about a document that is not an audit event.
NOT_RECOGNIZED = "data not recognized as a k8s audit event"


def _other_kind(record: dict[str, Any]) -> str | None:
    """Return why a document is not an audit event: it has another kind. Events in a list need not have one."""
    return None if record.get("kind", "Event") == "Event" else NOT_RECOGNIZED


def _keeps(records: list[dict[str, Any]]) -> bool:
    """Return whether all *records* are audit events as the API server writes them, with a kind."""
    try:
        return {*map(_kind, records)} <= _EVENTS
    except (KeyError, TypeError):
        return False  # one has no kind, or one that is no text


_kind = itemgetter("kind")
_EVENTS = {"Event"}

#: How each event of a list begins. API servers leave out the kind; such an event has nothing that other forms have
#: (``wrappings.unwrapped``).
HEADS = {
    b'{"kind":"Event"': {"kind": Literal["Event"]},
    b'{"level":"': {"kind": Literal["Event"], **dict.fromkeys(("category", "message", "protoPayload"), Literal[""])},
}

#: Path of the name of the user who made the request.
USER = "user.username"

LOG = JsonLog(
    source="k8s_audit",
    plugin=NAME,
    time="stageTimestamp",
    wrappers=WRAPPERS,
    heads=HEADS,
    skip=_other_kind,
    keeps=_keeps,
    skip_reads=("kind",),
    unwrap=unwrapped,
    unwrap_marks=MARKS,
    subject=user_at("k8s.user", USER),
    resources=resources,
    about_reads=(USER, *READS),
)


def make_source(settings: Mapping[str, Any], clock: Clock = SYSTEM) -> Source:
    """Return the source for the plugin's *settings*, not opened yet.

    :raises ConfigError: a setting has the wrong type.
    :raises SourceError: the settings name nothing that can be read.
    """
    config = read_config(settings)
    if config.listener is not None:
        return JsonSource(LOG, WebhookInput(config.listener, config.limits))
    if config.group is not None:
        return JsonSource(LOG, cloudwatch_input(config.group, config.limits, NAME, clock))
    return JsonSource(LOG, file_input(config.open_params, plugin=NAME, follow=config.follow, limits=config.limits))
