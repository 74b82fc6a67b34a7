"""Events on which the rules for logins and administration fire, and close ones on which they do not.

Types of events are those of Okta's catalogue of event types.
"""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

MONA = {"id": "00u1", "displayName": "Mona", "alternateId": "mona@example.com", "type": "User"}
BOB = {"id": "00u2", "displayName": "Bob", "alternateId": "bob@example.com", "type": "User"}
OKTA = {"id": "00u0", "displayName": "system@okta.com", "alternateId": "system@okta.com", "type": "User"}


def event(kind: str, *, reason: str | None = None, result: str = "SUCCESS", **members: Any) -> Record:
    """Return an event of the System Log."""
    outcome = {"result": result, "reason": reason}
    return {"published": "2026-03-01T12:00:00.000Z", "eventType": kind, "actor": MONA, "outcome": outcome, **members}


def events(kinds: str, **members: Any) -> list[Record]:
    """Return an event of each of the types, which are separated by blanks."""
    return [event(kind, **members) for kind in kinds.split()]


def target(name: str) -> dict[str, Any]:
    """Return what makes an event one about the application *name*."""
    return {"target": [{"id": "0oa1", "type": "AppInstance", "displayName": name, "alternateId": name}]}


def behaviors(said: str) -> dict[str, Any]:
    """Return what makes an event one with behaviors that Okta detected."""
    return {"debugContext": {"debugData": {"behaviors": said}}}


ADMIN = target("Okta Admin Console")

#: For each rule events that fire it, and close ones that do not.
EXEMPLARS = {
    "Okta administrator made": (
        events("user.account.privilege.grant group.privilege.grant"),
        events("user.account.privilege.revoke group.privilege.revoke"),
    ),
    "Okta token for programs made or removed": (
        events("system.api_token.create system.api_token.revoke"),
        events("app.oauth2.token.grant"),
    ),
    "Okta agent for a directory added or changed": (
        events("system.agent.ad.agent_instance_added system.agent.ad.config_change_detected"),
        events("system.agent.ad.connect system.agent.ad.read_config"),
    ),
    "Okta organization linked to another": (
        events("application.lifecycle.create application.lifecycle.update", **target("Okta Org2Org")),
        [
            event("application.lifecycle.create", **target("Slack")),
            event("application.user_membership.add", **target("Okta Org2Org")),
        ],
    ),
    "Okta support acts for you": (
        events("user.session.impersonation.grant user.session.impersonation.initiate"),
        events("user.session.impersonation.end user.session.impersonation.revoke"),
    ),
    "Okta support reset a user's credentials": (
        events("user.account.reset_password user.mfa.factor.reset_all", actor=OKTA),
        [
            event("user.account.reset_password"),
            event("user.account.reset_password", actor=OKTA, transaction={"detail": {"requestApiTokenId": "00T1"}}),
        ],
    ),
    "Okta zone or origin changed": (
        events("zone.update zone.delete security.trusted_origin.create"),
        events("zone.create"),
    ),
    "Okta second factor switched off for all": (
        events("system.mfa.factor.deactivate"),
        events("system.mfa.factor.activate user.mfa.factor.activate"),
    ),
    "Okta second factor of a user removed": (
        events("user.mfa.factor.deactivate user.mfa.factor.reset_all user.mfa.factor.suspend"),
        events("user.mfa.factor.activate user.mfa.factor.unsuspend"),
    ),
    "Okta phishing stopped": (
        events("user.authentication.auth_via_mfa", reason="FastPass declined phishing attempt", result="FAILURE"),
        events("user.authentication.auth_via_mfa", reason="INVALID_CREDENTIALS", result="FAILURE"),
    ),
    "Okta threat detected": (
        events("security.threat.detected security.breached_credential.detected"),
        events("security.threat.configuration.update"),
    ),
    "Okta token used twice": (
        events("app.oauth2.as.token.detect_reuse app.oauth2.token.detect_reuse"),
        events("app.oauth2.as.token.grant"),
    ),
    "Okta login through a proxy that hides": (
        events("user.session.start", securityContext={"isProxy": True}),
        [
            event("user.session.start", securityContext={"isProxy": False}),
            event("user.session.start", securityContext={"isProxy": True}, result="FAILURE"),
            event("user.authentication.sso", securityContext={"isProxy": True}),
        ],
    ),
    "Okta console of administrators from somewhere new": (
        [
            event("policy.evaluate_sign_on", **ADMIN, **behaviors("{New Device=POSITIVE, New IP=NEGATIVE}")),
            event("user.session.access_admin_app", **behaviors("{New IP=POSITIVE}")),
        ],
        [
            event("policy.evaluate_sign_on", **ADMIN, **behaviors("{New Device=NEGATIVE, New IP=NEGATIVE}")),
            event("policy.evaluate_sign_on", **target("Slack"), **behaviors("{New Device=POSITIVE}")),
        ],
    ),
    "Okta password of an application shown to somebody else": (
        events("application.user_membership.show_password", target=[BOB]),
        events("application.user_membership.show_password", target=[MONA]),
    ),
    "Okta application refused to a user": (
        events("app.generic.unauth_app_access_attempt", result="FAILURE"),
        events("user.authentication.sso", result="FAILURE"),
    ),
    "Okta limit on requests reached": (
        events("system.org.rate_limit.violation system.operation.rate_limit.violation"),
        events("system.org.rate_limit.warning application.integration.rate_limit_exceeded"),
    ),
    "Okta login by another identity provider": (
        events("user.authentication.auth_via_IDP"),
        events("user.authentication.auth_via_IDP", result="FAILURE"),
    ),
    "Okta login to a cloud's console": (
        events("user.authentication.sso", **target("AWS IAM Identity Center")),
        events("user.authentication.sso", **target("Slack")),
    ),
}
