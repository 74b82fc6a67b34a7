"""All fields of the source ``okta``, in the order in which they are listed.

Okta's "System Log API" explains the members, under LogEvent.
"""

from __future__ import annotations

from typing import Any

from falcohost import Arg, ArgKind, Field, FieldType
from falcohost.jsonlog import JSON_FIELDS
from falcohost_okta import mfa
from falcohost_okta.values import as_text, of_target, of_value, targets, text


def _app(uri: Any) -> str | None:
    return uri.split("/")[2] if isinstance(uri, str) and uri.startswith("/app/") else None


def _degrees(value: Any) -> str:
    """Return a coordinate in its shortest form, or 0 if there is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "0"
    return f"{value!r}".removesuffix(".0")


def _step(value: Any) -> str | None:
    return None if value is None else as_text(value)


def _as_number(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**64 else None


def _target_names(event: Any, index: Arg) -> str | None:
    names = [as_text(target.get("displayName")) for target in targets(event.record)]
    if not names:
        return None
    if not isinstance(index, int):
        return f"({','.join(names)})"
    return names[index] if index < len(names) else None


def _organization(event: Any, _: Arg) -> str:
    memory = event.context.memory
    return "" if memory is None else str(memory.organization)


def _recent(event: Any, seconds: Arg) -> int | None:
    memory = event.context.memory
    if memory is None or not isinstance(seconds, int):
        return None
    count: int | None = memory.attempts.count(event.record, event.ts, seconds)
    return count


EVENT: tuple[Field, ...] = (
    of_value(
        "okta.app",
        FieldType.CHARBUF,
        "debugContext.debugData.requestUri",
        "Application, if the path of the request is below /app/.",
        _app,
    ),
    text("okta.behaviors", "debugContext.debugData.behaviors", "Behaviors that Okta detected in the request."),
    Field(
        name="okta.org",
        type=FieldType.CHARBUF,
        description="Organization, as configured.",
        get=_organization,
    ),
    text("okta.evt.type", "eventType", "Type of the event (user.session.start)."),
    text("okta.evt.legacytype", "legacyEventType", "Type of the event in the older Events API."),
    text("okta.severity", "severity", "Severity: DEBUG, INFO, WARN or ERROR."),
    text("okta.message", "displayMessage", "Description of the event."),
    text("okta.published", "published", "Time at which the event was published."),
    text(
        "okta.logonlysecuritydata",
        "debugContext.debugData.logOnlySecurityData",
        "Okta's findings about risk and behavior, as JSON.",
    ),
    text("okta.result", "outcome.result", "Outcome (SUCCESS, FAILURE, ALLOW, DENY)."),
    text("okta.reason", "outcome.reason", "Reason for the outcome."),
    text("okta.transaction.id", "transaction.id", "Id of the transaction, which several events may share."),
    text("okta.transaction.type", "transaction.type", "Type of the transaction: WEB or JOB."),
    text("okta.requesturi", "debugContext.debugData.requestUri", "Path of the request."),
)

ACTOR: tuple[Field, ...] = (
    text("okta.actor.id", "actor.id", "Id of the actor."),
    text("okta.actor.Type", "actor.type", "Type of the actor (User, SystemPrincipal); the name has a capital T."),
    text("okta.actor.alternateid", "actor.alternateId", "Login or mail address of the actor."),
    text("okta.actor.name", "actor.displayName", "Display name of the actor."),
    text("okta.principal.id", "debugContext.debugData.originalPrincipal.id", "Id of the principal behind the actor."),
    text(
        "okta.principal.alternateid",
        "debugContext.debugData.originalPrincipal.alternateId",
        "Login or mail address of the principal behind the actor.",
    ),
    text(
        "okta.principal.type",
        "debugContext.debugData.originalPrincipal.type",
        "Type of the principal behind the actor.",
    ),
    text(
        "okta.principal.name",
        "debugContext.debugData.originalPrincipal.displayName",
        "Display name of the principal behind the actor.",
    ),
)

CLIENT: tuple[Field, ...] = (
    text("okta.client.zone", "client.zone", "Network zone of the client."),
    text("okta.client.ip", "client.ipAddress", "Address of the client."),
    text("okta.client.device", "client.device", "Type of device (Computer)."),
    text("okta.client.id", "client.id", "Id of the OAuth client or API token."),
    text("okta.client.geo.city", "client.geographicalContext.city", "City of the client's address."),
    text("okta.client.geo.state", "client.geographicalContext.state", "State of the client's address."),
    text("okta.client.geo.country", "client.geographicalContext.country", "Country of the client's address."),
    text("okta.client.geo.postalcode", "client.geographicalContext.postalCode", "Postal code of the client's address."),
    of_value(
        "okta.client.geo.lat",
        FieldType.CHARBUF,
        "client.geographicalContext.geolocation.lat",
        "Latitude of the client's address; 0 if it is unknown.",
        _degrees,
    ),
    of_value(
        "okta.client.geo.lon",
        FieldType.CHARBUF,
        "client.geographicalContext.geolocation.lon",
        "Longitude of the client's address; 0 if it is unknown. Falco's plugin always shows 0.",
        _degrees,
    ),
    text("okta.useragent.os", "client.userAgent.os", "Operating system of the client."),
    text("okta.useragent.browser", "client.userAgent.browser", "Browser of the client."),
    text("okta.useragent.raw", "client.userAgent.rawUserAgent", "User agent as the client sent it."),
)

SECURITY: tuple[Field, ...] = (
    of_value(
        "okta.authentication.step",
        FieldType.CHARBUF,
        "authenticationContext.authenticationStep",
        "Index of the step in the authentication, from 0; absent if there is none. Falco's plugin fails on it.",
        _step,
    ),
    text("okta.authentication.sessionid", "authenticationContext.externalSessionId", "Id of the session."),
    text("okta.authentication.provider", "authenticationContext.authenticationProvider", "Authentication provider."),
    text(
        "okta.authentication.credentialprovider",
        "authenticationContext.credentialProvider",
        "Credential provider.",
    ),
    of_value(
        "okta.security.asnumber",
        FieldType.UINT64,
        "securityContext.asNumber",
        "Number of the autonomous system of the client's address; absent if there is none. Falco's plugin fails on it.",
        _as_number,
    ),
    text("okta.security.asorg", "securityContext.asOrg", "Organization of that autonomous system."),
    text("okta.security.isp", "securityContext.isp", "Internet provider of the client's address."),
    text("okta.security.domain", "securityContext.domain", "Domain of the client's address."),
    text(
        "okta.security.isproxy",
        "securityContext.isProxy",
        "Whether the client's address is a known proxy: true or false.",
    ),
)

TARGET: tuple[Field, ...] = (
    of_target("okta.target.user.id", "User", "id", "Id of the last user among the targets."),
    of_target("okta.target.user.alternateid", "User", "alternateId", "Login of the last user among the targets."),
    of_target("okta.target.user.name", "User", "displayName", "Display name of the last user among the targets."),
    of_target("okta.target.group.id", "UserGroup", "id", "Id of the last group among the targets."),
    of_target(
        "okta.target.group.alternateid", "UserGroup", "alternateId", "Alternate id of the last group among the targets."
    ),
    of_target("okta.target.group.name", "UserGroup", "displayName", "Name of the last group among the targets."),
    of_target(
        "okta.target.app.alternateid",
        "AppInstance",
        "alternateId",
        "Alternate id of the last application among the targets.",
    ),
    Field(
        name="okta.targets.displayName",
        type=FieldType.CHARBUF,
        description="Display names of all targets as (a,b), or with an index, from 0, that of one target.",
        get=_target_names,
        reads=("target",),
        arg=ArgKind.INDEX,
    ),
)

MFA: tuple[Field, ...] = tuple(
    Field(
        name=name,
        type=FieldType.UINT64,
        description="For a denied push or a failed second factor: number of events of the same type and actor in the "
        "last seconds, including this one. Both fields count the same, as in Falco; absent for other events.",
        get=_recent,
        reads=mfa.READS,
        arg=ArgKind.INDEX,
        arg_required=True,
    )
    for name in ("okta.mfa.failure.countlast", "okta.mfa.deny.countlast")
)

FIELDS: tuple[Field, ...] = (*EVENT, *ACTOR, *CLIENT, *SECURITY, *TARGET, *MFA, *JSON_FIELDS)
