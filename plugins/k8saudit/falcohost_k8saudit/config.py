"""Parses the settings of the plugin, which are Falco's and some of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falcohost.jsonlog import FOLLOW, Limits
from falcohost.settings import Settings
from falcohost.web import Listener, is_address
from falcohost_k8saudit import log_group, webhook
from falcohost_k8saudit.log_group import EKS, Group, is_in_cloudwatch

NAME = "k8saudit"

#: Falco's other plugin that this one replaces; its configuration may be present under this name.
JSON = "json"

_SIZE = "maxEventSize"

#: Falco's keys, of which useAsync only concerns Falco itself, and falcohost's own.
KEYS = (_SIZE, FOLLOW, "useAsync", JSON, EKS, *webhook.KEYS, *log_group.KEYS)


@dataclass(frozen=True, slots=True)
class Config:
    """Where the log is, and how large its events may be.

    :ivar follow: lines that are appended to the log are read as they come.
    :ivar listener: set if the log is sent to a webhook.
    :ivar group: set if the log is in CloudWatch Logs.
    """

    open_params: str | list[str]
    limits: Limits
    follow: bool = False
    listener: Listener | None = None
    group: Group | None = None


def read_config(settings: Mapping[str, Any]) -> Config:
    """Return the configuration in *settings*; unknown keys cause a warning.

    :raises ConfigError: a value has the wrong type.
    :raises SourceError: an address is not valid, or a secret cannot be read.
    """
    given = Settings(NAME, settings, KEYS)
    usual = Limits()
    limits = Limits(usual.document, given.whole_number(_SIZE, usual.record, at_least=1))
    open_params = given.open_params()
    if is_in_cloudwatch(settings):
        group, limits = log_group.read(given, limits, settings.get(EKS))
        return Config(open_params, limits, group=group)
    listener = None
    if isinstance(open_params, str) and is_address(open_params):
        listener = webhook.read_listener(given, open_params, NAME)
    return Config(open_params, limits, given.truth(FOLLOW), listener)
