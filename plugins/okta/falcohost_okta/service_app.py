"""An OAuth 2.0 service app: signs an assertion with its private key (RFC 7523) and gets a token for an hour."""

from __future__ import annotations

import time
import uuid
from typing import Any
from urllib.parse import urlencode

import msgspec

from falcohost import SourceError
from falcohost.poll import Answer, HttpClient, HttpError, PollError, find_secret, how_to_install
from falcohost_okta.config import NAME, SCOPE, Api
from falcohost_okta.dpop import Prover
from falcohost_okta.refusals import error_of

#: The environment variable that may hold the private key.
PRIVATE_KEY = "FALCOHOST_OKTA_PRIVATE_KEY"

#: Seconds for which an assertion is valid; Okta accepts at most an hour.
_ASSERTION = 300

#: An access token is renewed this many seconds before it expires.
_EARLY = 60

#: How often a refusal is followed by another attempt: for DPoP, for its nonce, for the time.
_LESSONS = 3

#: Difference of the server's clock and ours, in seconds, that is ignored.
_CLOSE = 5.0


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int = 3600


def no_key(api: Api) -> str:
    """Return the message that the service app of *api* has no private key."""
    return (
        f"okta: the private key of the service app {api.client_id} is missing: set init_config.private_key_file or the "
        f"environment variable {PRIVATE_KEY}"
    )


class ServiceApp:
    """The service app of *api*."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._url = f"{api.url}/oauth2/v1/token"
        self._key: Any = None
        self._key_id = api.key_id
        self._ahead = 0.0  # of the server's clock, before ours
        self._prover: Prover | None = None  # once the server demands it
        self._shown = ""
        self._until = 0.0

    def open(self) -> None:
        """Read the private key and test it."""
        try:
            import cryptography.hazmat.primitives.asymmetric.ec  # noqa: F401
            import jwt
        except ModuleNotFoundError as error:
            raise SourceError(
                f"okta: a service app needs {error.name}, which this installs: {how_to_install('okta')}"
            ) from error
        api = self._api
        text, where = find_secret(NAME, "the private key", given="", file=api.private_key_file, variable=PRIVATE_KEY)
        if not text:
            raise SourceError(no_key(api))
        try:
            if text.lstrip().startswith("{"):
                jwk = msgspec.json.decode(text, type=dict[str, Any])
                self._key_id = self._key_id or str(jwk.get("kid") or "")
                self._key = jwt.PyJWK(jwk, algorithm="RS256").key
            else:
                self._key = text
            self._assertion()
        except (jwt.PyJWTError, msgspec.DecodeError, ValueError, TypeError) as error:
            raise SourceError(
                f"okta: {where} does not hold the private RSA key of a service app, as PEM without a password or as JWK"
            ) from error

    def headers(self, client: HttpClient, url: str) -> dict[str, str]:
        """Return the headers with an access token, which is renewed if it is about to expire."""
        if time.monotonic() >= self._until:
            self._get(client)
        if self._prover is None:
            return {"Authorization": f"Bearer {self._shown}"}
        proof = self._prover.proof("GET", url, self._now, self._shown)
        return {"Authorization": f"DPoP {self._shown}", "DPoP": proof}

    def refused(self) -> bool:
        """Forget the token; return whether it was an old one."""
        was_held = self._until > 0.0
        self._until = 0.0
        return was_held

    @property
    def _now(self) -> float:
        """The server's time."""
        return time.time() + self._ahead

    def _get(self, client: HttpClient) -> None:
        answer = self._granted(client)
        try:
            token = msgspec.json.decode(answer.body, type=_Token)
        except (msgspec.DecodeError, UnicodeError):
            raise PollError(f"the answer of {self._url} has no access token") from None
        self._shown = token.access_token
        self._until = time.monotonic() + max(0, token.expires_in - _EARLY)

    def _granted(self, client: HttpClient) -> Answer:
        for _ in range(_LESSONS):
            try:
                return client.post(self._url, *self._request())
            except HttpError as error:
                if not self._learns_from(error.answer):
                    raise
        return client.post(self._url, *self._request())

    def _learns_from(self, answer: Answer) -> bool:
        """Return whether the error *answer* says something that was not known before."""
        error, nonce = error_of(answer), answer.headers.get("dpop-nonce", "")
        if error == "invalid_dpop_proof" and self._prover is None:
            self._prover = Prover()
            return True
        if error == "use_dpop_nonce" and self._prover is not None and nonce not in ("", self._prover.nonce):
            self._prover.nonce = nonce
            return True
        ahead = answer.date - time.time()
        if abs(ahead - self._ahead) < _CLOSE:
            return False
        self._ahead = ahead  # our clock is wrong; signed times have to be the server's
        return True

    def _request(self) -> tuple[dict[str, str], bytes]:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self._prover is not None:
            headers["DPoP"] = self._prover.proof("POST", self._url, self._now)
        form = {
            "grant_type": "client_credentials",
            "scope": SCOPE,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self._assertion(),
        }
        return headers, urlencode(form).encode()

    def _assertion(self) -> str:
        import jwt

        now, client = int(self._now), self._api.client_id
        claims = {"aud": self._url, "iss": client, "sub": client, "iat": now, "exp": now + _ASSERTION}
        named = {"kid": self._key_id} if self._key_id else None
        return jwt.encode(claims | {"jti": str(uuid.uuid4())}, self._key, algorithm="RS256", headers=named)
