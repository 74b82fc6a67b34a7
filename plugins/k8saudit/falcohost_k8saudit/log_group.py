"""Parses the settings for an audit log in CloudWatch Logs: ours, and those of Falco's plugin ``k8saudit-eks``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from falcohost import ConfigError, aws, jsonlog
from falcohost.aws import AwsSettings
from falcohost.jsonlog import Limits
from falcohost.settings import OPEN_PARAMS, Settings

#: Falco's plugin that reads such logs. Its ``open_params`` are the name of a cluster.
EKS = "k8saudit-eks"

SCHEME = "cloudwatch://"

_AWS, _SHIFT, _EVERY, _LATE, _STREAMS = "aws", "shift", "polling_interval", "overlap", "log_stream_prefix"
KEYS = (_AWS, _SHIFT, _EVERY, _LATE, _STREAMS)

#: Falco's additional keys. The last two concern the way in which Falco passes events on.
_PROFILE, _REGION, _SIZE = "profile", "region", "max_event_size"
_EKS_KEYS = (*KEYS, _PROFILE, _REGION, _SIZE, "use_async", "buffer_size")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A log group, and the streams in it that are read.

    :ivar shift: reading starts this many seconds before the first start.
    :ivar every: seconds between two queries.
    :ivar late: number of seconds by which an event may be late.
    """

    name: str
    streams: str
    shift: int
    every: int
    late: int
    aws: AwsSettings


def is_in_cloudwatch(settings: Mapping[str, Any]) -> bool:
    """Return whether *settings*, or the block of Falco's plugin among them, name a log in CloudWatch Logs."""
    where = settings.get(OPEN_PARAMS)
    return EKS in settings if not where else isinstance(where, str) and where.startswith(SCHEME)


def capabilities(settings: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the capabilities that the source keeps; None if it needs no privileges."""
    return aws.capabilities() if is_in_cloudwatch(settings) else jsonlog.capabilities(settings)


def read(given: Settings, limits: Limits, block: Mapping[str, Any] | None) -> tuple[Group, Limits]:
    """Return the group that *given* names, with *limits*; if it names none, that in the *block* of Falco's plugin.

    :raises ConfigError: a value is not valid, or neither a group nor a cluster is named.
    """
    where = given.text(OPEN_PARAMS)
    if where:
        return _read(given, where.removeprefix(SCHEME)), limits
    given = Settings(EKS, block or {}, _EKS_KEYS)
    cluster = given.text(OPEN_PARAMS).strip()
    if not cluster:
        raise ConfigError(f"plugin '{EKS}': open_params is empty; set it to the name of the cluster")
    group = _read(given, f"/aws/eks/{cluster}/cluster")
    profile, region = given.text(_PROFILE, group.aws.profile), given.text(_REGION, group.aws.region)
    record = given.whole_number(_SIZE, limits.record, at_least=1)
    return replace(group, aws=replace(group.aws, profile=profile, region=region)), replace(limits, record=record)


def _read(given: Settings, name: str) -> Group:
    if not name:
        raise ConfigError(
            f"open_params '{SCHEME}' names no log group; use {SCHEME}/aws/eks/CLUSTER/cluster, for example"
        )
    return Group(
        name=name,
        streams=given.text(_STREAMS, "kube-apiserver-audit"),
        shift=given.whole_number(_SHIFT, 1),
        every=given.whole_number(_EVERY, 5, at_least=1),
        late=given.whole_number(_LATE, 300, at_least=10),
        aws=aws.read_aws(Settings(f"k8saudit: {_AWS}", given.block(_AWS), aws.KEYS)),
    )
