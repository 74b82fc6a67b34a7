"""Finds the actor's name in ``userIdentity``, where each type of identity has it in another member."""

from __future__ import annotations

from typing import Any

from falcohost import UserSubject
from falcohost.jsonlog import ABSENT, lookup, user_at
from falcohost_cloudtrail.values import as_text

_TYPE = "userIdentity.type"
_NAME = "userIdentity.userName"
_ARN = "userIdentity.arn"
_PRINCIPAL = "userIdentity.principalId"
_ROLE = "userIdentity.sessionContext.sessionIssuer.userName"
_INVOKER = "userIdentity.invokedBy"
_ACCOUNT = "userIdentity.accountId"
_RECIPIENT = "recipientAccountId"

USER_READS = (_TYPE, _NAME, _INVOKER, _ROLE)
ORIGINAL_USER_READS = (_TYPE, _NAME, _ARN, _PRINCIPAL)
ACCOUNT_READS = (_ACCOUNT, _RECIPIENT)

#: All paths that :func:`subject` reads.
SUBJECT_READS = (_ARN, _PRINCIPAL, _INVOKER)

_ASSUMED_ROLE = "AssumedRole"

_type = lookup(_TYPE)
_name = lookup(_NAME)
_arn = lookup(_ARN)
_principal = lookup(_PRINCIPAL)
_role = lookup(_ROLE)
_account = lookup(_ACCOUNT)
_recipient = lookup(_RECIPIENT)

_by_principal = user_at("aws.principal", _PRINCIPAL)
_service = user_at("aws.service", _INVOKER)

#: The getter of the name, by the type of the identity.
_NAMES = {"Root": _name, "IAMUser": _name, "AWSService": lookup(_INVOKER)}

#: Types that are used as the name.
_NAMELESS = ("AWSAccount", "FederatedUser")


def user(record: dict[str, Any]) -> str | None:
    """Return the name of the actor; for an assumed role that of the role."""
    kind = _type(record)
    if kind == _ASSUMED_ROLE:
        name = as_text(_role(record))
        return _ASSUMED_ROLE if name is None else name
    if not isinstance(kind, str):
        return None
    if kind in _NAMELESS:
        return kind
    return as_text(_NAMES[kind](record)) if kind in _NAMES else None


def subject(record: dict[str, Any]) -> UserSubject | None:
    """Return the actor: by ARN, else by principal id; an AWS service by its name."""
    arn = _arn(record)
    if type(arn) is str and arn:
        return UserSubject("aws.arn", arn)
    return _by_principal(record) or _service(record)


def original_user(record: dict[str, Any]) -> str | None:
    """Return the name of the actor; for an assumed role that of the session."""
    if _type(record) != _ASSUMED_ROLE:
        return as_text(_name(record))
    arn = (as_text(_arn(record)) or "").split("/")
    if len(arn) == 3:
        return arn[2]
    principal = (as_text(_principal(record)) or "").split(":")
    return principal[1] if len(principal) == 2 else None


def account(record: dict[str, Any]) -> str | None:
    """Return the account of the actor, else the account that the record was delivered to."""
    value = _account(record)
    return as_text(_recipient(record) if value is ABSENT else value)
