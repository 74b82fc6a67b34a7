"""Which credentials, region and endpoint to use, by the names that AWS's own configuration files have for them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from falcohost.settings import Settings

#: Variables that name a token that is read again whenever credentials run out. It is often root's.
_TOKEN_FILES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """What is said about AWS; what is empty comes from the environment and AWS's own files.

    :ivar config: path of the file ``config``.
    :ivar credentials: path of the file ``credentials``.
    :ivar endpoint_url: where all services are asked instead of at AWS.
    :ivar role_arn: a role that is assumed, with *external_id* if its owner asks for one.
    """

    profile: str = ""
    region: str = ""
    config: str = ""
    credentials: str = ""
    endpoint_url: str = ""
    role_arn: str = ""
    external_id: str = ""
    role_session_name: str = ""


#: The keys of the settings.
KEYS = tuple(field.name for field in fields(AwsSettings))


def read_aws(given: Settings) -> AwsSettings:
    """Return what *given* says.

    :raises ConfigError: a value is no text.
    """
    return AwsSettings(**{key: given.text(key) for key in KEYS})


def capabilities(environment: Mapping[str, str] = os.environ) -> frozenset[str] | None:
    """Return what a source keeps of root's rights: the one to read a token again that a file holds."""
    if any(environment.get(name) for name in _TOKEN_FILES):
        return frozenset({"CAP_DAC_READ_SEARCH"})
    return None
