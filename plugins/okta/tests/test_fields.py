"""Each field's value in an event, also where the event lacks it or has something odd."""

from __future__ import annotations

import pytest

from falcohost_okta.fields import FIELDS

#: Fields that are the text at one place.
TEXTS = {
    "okta.evt.type": "eventType",
    "okta.evt.legacytype": "legacyEventType",
    "okta.severity": "severity",
    "okta.message": "displayMessage",
    "okta.published": "published",
    "okta.actor.id": "actor.id",
    "okta.actor.Type": "actor.type",
    "okta.actor.alternateid": "actor.alternateId",
    "okta.actor.name": "actor.displayName",
    "okta.client.zone": "client.zone",
    "okta.client.ip": "client.ipAddress",
    "okta.client.device": "client.device",
    "okta.client.id": "client.id",
    "okta.client.geo.city": "client.geographicalContext.city",
    "okta.client.geo.state": "client.geographicalContext.state",
    "okta.client.geo.country": "client.geographicalContext.country",
    "okta.client.geo.postalcode": "client.geographicalContext.postalCode",
    "okta.useragent.os": "client.userAgent.os",
    "okta.useragent.browser": "client.userAgent.browser",
    "okta.useragent.raw": "client.userAgent.rawUserAgent",
    "okta.result": "outcome.result",
    "okta.reason": "outcome.reason",
    "okta.transaction.id": "transaction.id",
    "okta.transaction.type": "transaction.type",
    "okta.requesturi": "debugContext.debugData.requestUri",
    "okta.behaviors": "debugContext.debugData.behaviors",
    "okta.logonlysecuritydata": "debugContext.debugData.logOnlySecurityData",
    "okta.principal.id": "debugContext.debugData.originalPrincipal.id",
    "okta.principal.alternateid": "debugContext.debugData.originalPrincipal.alternateId",
    "okta.principal.type": "debugContext.debugData.originalPrincipal.type",
    "okta.principal.name": "debugContext.debugData.originalPrincipal.displayName",
    "okta.authentication.sessionid": "authenticationContext.externalSessionId",
    "okta.authentication.provider": "authenticationContext.authenticationProvider",
    "okta.authentication.credentialprovider": "authenticationContext.credentialProvider",
    "okta.security.asorg": "securityContext.asOrg",
    "okta.security.isp": "securityContext.isp",
    "okta.security.domain": "securityContext.domain",
    "okta.security.isproxy": "securityContext.isProxy",
}

#: Members of the targets, with the type of target that each field is about.
TARGETS = {
    "okta.target.user.id": ("User", "id"),
    "okta.target.user.alternateid": ("User", "alternateId"),
    "okta.target.user.name": ("User", "displayName"),
    "okta.target.group.id": ("UserGroup", "id"),
    "okta.target.group.alternateid": ("UserGroup", "alternateId"),
    "okta.target.group.name": ("UserGroup", "displayName"),
    "okta.target.app.alternateid": ("AppInstance", "alternateId"),
}

#: Tested one by one, here or in test_mfa.py and test_source.py.
OTHERS = {
    "okta.app", "okta.org", "okta.client.geo.lat", "okta.client.geo.lon", "okta.authentication.step",
    "okta.security.asnumber", "okta.targets.displayName", "okta.mfa.failure.countlast", "okta.mfa.deny.countlast",
}  # fmt: skip


def at(path, value):
    """Return the event that has *value* at *path*, and nothing else."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def test_all_fields_are_tested():
    """Each field of Falco's plugin is there, with those of its plugin json, and there are no others."""
    names = {field.name for field in FIELDS}

    assert {*TEXTS, *TARGETS, *OTHERS} == {name for name in names if name.startswith("okta.")}
    assert {"json.value", "json.obj", "json.rawtime"} <= names


@pytest.mark.parametrize("name", TEXTS)
def test_text(value, name):
    """A text is shown as it is, what is missing or null as "", and anything else as JSON."""
    path = TEXTS[name]

    assert "some text" == value(name, at(path, "some text"))
    assert ["", "", ""] == [value(name, event) for event in ({}, at(path, None), {path.split(".")[0]: None})]
    assert ["true", "7", '{"a":[1]}'] == [value(name, at(path, odd)) for odd in (True, 7, {"a": [1]})]
    assert "" == value(name, at(path.rpartition(".")[0], "no object") if "." in path else {})


@pytest.mark.parametrize("name", TEXTS)
def test_lower_case(value, name):
    """The name of a member on the first level may be in lower case; the proper one goes before."""
    first, dot, rest = TEXTS[name].partition(".")
    lowered = at(f"{first.lower()}{dot}{rest}", "lower")

    assert "lower" == value(name, lowered)
    assert "proper" == value(name, lowered | at(TEXTS[name], "proper"))


@pytest.mark.parametrize("name", TARGETS)
def test_target(value, name):
    """The last target of its type counts; its missing member is "", and without such a target the field is absent."""
    kind, member = TARGETS[name]
    targets = [
        {"type": kind, member: "first"},
        {"type": kind, member: "last"},
        {"type": "Other", member: "other"},
        "odd",
    ]

    assert "last" == value(name, {"target": targets})
    assert "" == value(name, {"target": [{"type": kind}]})
    assert [None] * 3 == [value(name, event) for event in ({}, {"target": None}, {"target": targets[2:]})]


def test_names_of_targets(value):
    """All names stand in parentheses, one is shown by its place; without targets the field is absent."""
    event = {"target": [{"displayName": "a"}, {}, {"displayName": "c"}]}

    assert "(a,,c)" == value("okta.targets.displayName", event)
    assert ["a", "", "c", None] == [value("okta.targets.displayName", event, index) for index in range(4)]
    assert [None, None] == [value("okta.targets.displayName", {"target": []}, arg) for arg in (None, 0)]


@pytest.mark.parametrize(
    ("uri", "app"),
    [
        ("/app/google/exk1/sso/saml", "google"),
        ("/app/", ""),
        ("/application/google", None),
        ("/api/v1/app/google", None),
        (None, None),
    ],
)
def test_app(value, uri, app):
    """The application is the second step of a path below /app/."""
    assert app == value("okta.app", at("debugContext.debugData.requestUri", uri))
    assert None is value("okta.app", {})


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (37.7852, "37.7852"),
        (-122.3874, "-122.3874"),
        (20, "20"),
        (20.0, "20"),
        (1e-05, "1e-05"),
        ("20", "0"),
        (None, "0"),
    ],
)
def test_coordinates(value, number, text):
    """Latitude and longitude are the shortest texts of their numbers, and 0 where there is none."""
    place = "client.geographicalContext.geolocation"

    assert text == value("okta.client.geo.lat", at(f"{place}.lat", number))
    assert text == value("okta.client.geo.lon", at(f"{place}.lon", number))
    assert "0" == value("okta.client.geo.lat", {})


def test_numbers_that_falco_fails_on(value):
    """Step and number of the autonomous system are shown; without them the fields are absent."""
    event = {"authenticationContext": {"authenticationStep": 0}, "securityContext": {"asNumber": 701}}

    assert ("0", 701) == (value("okta.authentication.step", event), value("okta.security.asnumber", event))
    assert (None, None) == (value("okta.authentication.step", {}), value("okta.security.asnumber", {}))
    assert [None] * 4 == [
        value("okta.security.asnumber", at("securityContext.asNumber", n)) for n in ("7", -1, True, 2.5)
    ]
