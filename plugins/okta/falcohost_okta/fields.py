"""All fields of the source ``okta``, in the order of the listing.

What the members mean is in Okta's "System Log API", under LogEvent.
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
    """Return a coordinate in the shortest form, 0 where there is none."""
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
        "Application, if the request's path is below /app/.",
        _app,
    ),
    text("okta.behaviors", "debugContext.debugData.behaviors", "Behaviours that Okta saw in the request."),
    Field(
        name="okta.org",
        type=FieldType.CHARBUF,
        description="Organization, as it is configured.",
        get=_organization,
    ),
    text("okta.evt.type", "eventType", "Type of the event (user.session.start)."),
    text("okta.evt.legacytype", "legacyEventType", "Type of the event in the older Events API."),
    text("okta.severity", "severity", "Severity: DEBUG, INFO, WARN or ERROR."),
    text("okta.message", "displayMessage", "What happened, in words."),
    text("okta.published", "published", "When it was published, as the event says it."),
    text(
        "okta.logonlysecuritydata",
        "debugContext.debugData.logOnlySecurityData",
        "What Okta found out about risk and behaviour, as JSON.",
    ),
    text("okta.result", "outcome.result", "Outcome (SUCCESS, FAILURE, ALLOW, DENY)."),
    text("okta.reason", "outcome.reason", "Why the outcome is what it is."),
    text("okta.transaction.id", "transaction.id", "Id of the transaction, which several events may share."),
    text("okta.transaction.type", "transaction.type", "Kind of the transaction: WEB or JOB."),
    text("okta.requesturi", "debugContext.debugData.requestUri", "Path of the request."),
)

ACTOR: tuple[Field, ...] = (
    text("okta.actor.id", "actor.id", "Id of who acted."),
    text("okta.actor.Type", "actor.type", "Kind of who acted (User, SystemPrincipal); the name has a capital T."),
    text("okta.actor.alternateid", "actor.alternateId", "Login or mail address of who acted."),
    text("okta.actor.name", "actor.displayName", "Display name of who acted."),
    text("okta.principal.id", "debugContext.debugData.originalPrincipal.id", "Id of who acted through the actor."),
    text(
        "okta.principal.alternateid",
        "debugContext.debugData.originalPrincipal.alternateId",
        "Login or mail address of who acted through the actor.",
    ),
    text(
        "okta.principal.type", "debugContext.debugData.originalPrincipal.type", "Kind of who acted through the actor."
    ),
    text(
        "okta.principal.name",
        "debugContext.debugData.originalPrincipal.displayName",
        "Display name of who acted through the actor.",
    ),
)

CLIENT: tuple[Field, ...] = (
    text("okta.client.zone", "client.zone", "Network zone that the client is in."),
    text("okta.client.ip", "client.ipAddress", "Address of the client."),
    text("okta.client.device", "client.device", "Kind of device (Computer)."),
    text("okta.client.id", "client.id", "Id of the OAuth client or API token."),
    text("okta.client.geo.city", "client.geographicalContext.city", "City of the client's address."),
    text("okta.client.geo.state", "client.geographicalContext.state", "State of the client's address."),
    text("okta.client.geo.country", "client.geographicalContext.country", "Country of the client's address."),
    text("okta.client.geo.postalcode", "client.geographicalContext.postalCode", "Postal code of the client's address."),
    of_value(
        "okta.client.geo.lat",
        FieldType.CHARBUF,
        "client.geographicalContext.geolocation.lat",
        "Latitude of the client's address; 0 where it is unknown.",
        _degrees,
    ),
    of_value(
        "okta.client.geo.lon",
        FieldType.CHARBUF,
        "client.geographicalContext.geolocation.lon",
        "Longitude of the client's address; 0 where it is unknown. Falco has the field and always shows 0.",
        _degrees,
    ),
    text("okta.useragent.os", "client.userAgent.os", "Operating system of the client."),
    text("okta.useragent.browser", "client.userAgent.browser", "Browser of the client."),
    text("okta.useragent.raw", "client.userAgent.rawUserAgent", "Program of the client, in its own words."),
)

SECURITY: tuple[Field, ...] = (
    of_value(
        "okta.authentication.step",
        FieldType.CHARBUF,
        "authenticationContext.authenticationStep",
        "Place of the step in the authentication, from 0; absent where there is none. Falco's plugin fails on it.",
        _step,
    ),
    text("okta.authentication.sessionid", "authenticationContext.externalSessionId", "Id of the session."),
    text("okta.authentication.provider", "authenticationContext.authenticationProvider", "What proved who it is."),
    text(
        "okta.authentication.credentialprovider",
        "authenticationContext.credentialProvider",
        "What keeps the credentials.",
    ),
    of_value(
        "okta.security.asnumber",
        FieldType.UINT64,
        "securityContext.asNumber",
        "Number of the autonomous system of the client's address; absent where there is none. "
        "Falco's plugin fails on it.",
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
        description="Display names of all targets as (a,b), or that of the target at a place from 0.",
        get=_target_names,
        reads=("target",),
        arg=ArgKind.INDEX,
    ),
)

MFA: tuple[Field, ...] = tuple(
    Field(
        name=name,
        type=FieldType.UINT64,
        description="For a denied push or a failed second factor: how many events of its type and actor there were "
        "in the last seconds, itself among them. Both fields count so, as in Falco; absent for other events.",
        get=_recent,
        reads=mfa.READS,
        arg=ArgKind.INDEX,
        arg_required=True,
    )
    for name in ("okta.mfa.failure.countlast", "okta.mfa.deny.countlast")
)

FIELDS: tuple[Field, ...] = (*EVENT, *ACTOR, *CLIENT, *SECURITY, *TARGET, *MFA, *JSON_FIELDS)
