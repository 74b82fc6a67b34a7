"""Explains Okta's error answers, and how to solve the problem."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from falcohost.poll import Answer, Explain
from falcohost_okta.config import SCOPE, Api

_APP: Mapping[str, str] = {
    "invalid_client": (
        "Okta does not know the service app or its key; check client_id, and whether the public key is registered with "
        "the app under key_id"
    ),
    "invalid_scope": f"the service app has not been granted the scope {SCOPE}; an administrator can grant it",
    "invalid_dpop_proof": "Okta does not accept the proof of possession of the access token (DPoP)",
}


#: Number of characters of the server's text that are shown.
_SHOWN = 200


class _Said(msgspec.Struct):
    """The members of an error answer: of the token endpoint (RFC 6749, 5.2) or of Okta's API."""

    error: str = ""
    error_summary: str = msgspec.field(name="errorSummary", default="")
    error_causes: list[_Cause] = msgspec.field(name="errorCauses", default_factory=list)


class _Cause(msgspec.Struct):
    error_summary: str = msgspec.field(name="errorSummary", default="")


_said = msgspec.json.Decoder(_Said).decode


def error_of(answer: Answer) -> str:
    """Return the name of the error in *answer*, or "" if it has none."""
    return _read(answer).error


def explainer(api: Api) -> Explain:
    """Return a function that explains an error answer, given the settings *api*."""
    token = (
        "the access token is not valid; check whether the service app is active"
        if api.client_id
        else "the API token is not valid, was revoked, or was not used for 30 days; "
        "create one (Security > API > Tokens) and set it"
    )
    right = (
        f"the service app needs the scope {SCOPE} and a role that may read the System Log"
        if api.client_id
        else "the API token's user may not read the System Log; a Read-only Administrator may"
    )
    remarks = {
        401: token,
        403: right,
        404: "there is no such organization; check organization or url",
        429: "the organization's rate limit is used up, perhaps by other programs",
    }

    def explain(answer: Answer) -> str | None:
        said = _read(answer)
        return _APP.get(said.error) or remarks.get(answer.status) or _quoted(said)

    return explain


def _read(answer: Answer) -> _Said:
    try:
        return _said(answer.body)
    except (msgspec.DecodeError, UnicodeError):
        return _Said()


def _quoted(said: _Said) -> str | None:
    """Return the API's own text, shortened and without control characters."""
    texts = [cause.error_summary for cause in said.error_causes] or [said.error_summary]
    text = "; ".join(filter(None, texts))[:_SHOWN]
    return f"the server says '{''.join(char if char.isprintable() else ' ' for char in text)}'" if text else None
