"""Settings for credentials, region and endpoint, with the names of AWS's own configuration files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from falcohost.environment import PROXIES
from falcohost.settings import Settings

#: Variables that name a token file, which is read again whenever credentials expire. It often belongs to root.
_TOKEN_FILES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """Settings for AWS; empty ones are taken from the environment and AWS's own files.

    :ivar config: path of the file ``config``.
    :ivar credentials: path of the file ``credentials``.
    :ivar endpoint_url: address of all services, instead of AWS's.
    :ivar role_arn: a role to assume, with *external_id* if its owner requires one.
    """

    profile: str = ""
    region: str = ""
    config: str = ""
    credentials: str = ""
    endpoint_url: str = ""
    role_arn: str = ""
    external_id: str = ""
    role_session_name: str = ""


#: The environment variables that AWS's client reads.
ENVIRONMENT = ("AWS_*", "BOTO_*", *PROXIES)

#: The keys of the settings.
KEYS = tuple(field.name for field in fields(AwsSettings))


def read_aws(given: Settings) -> AwsSettings:
    """Read the settings from *given*.

    :raises ConfigError: a value is not a string.
    """
    return AwsSettings(**{key: given.text(key) for key in KEYS})


def capabilities(environment: Mapping[str, str] = os.environ) -> frozenset[str] | None:
    """Return the capabilities that a source keeps: one to reread a token file, if the environment names one."""
    if any(environment.get(name) for name in _TOKEN_FILES):
        return frozenset({"CAP_DAC_READ_SEARCH"})
    return None
