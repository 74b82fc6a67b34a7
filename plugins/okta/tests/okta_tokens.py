"""The server of an Okta organization that gives access tokens (OAuth 2.0), for tests, and knows them again."""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import parse_qs

import jwt

from falcohost.testing.server import Reply

TOKEN = "00a-secret-token"

TOKEN_PATH = "/oauth2/v1/token"


class Tokens:
    """Who is let in.

    :ivar tokens: those that are valid, as ``Authorization`` has them.
    :ivar key: public key of the service app ``0oa1``.
    :ivar nonce: what has to be in a proof of possession (DPoP, RFC 9449); None: none is demanded.
    """

    def __init__(self):
        self.tokens = {f"SSWS {TOKEN}"}
        self.key = None
        self.nonce = None
        self._bound = {}
        self._proofs = []

    def lets_in(self, request, url, now):
        """Return whether *request*, which came at *now* for *url*, shows a token that is valid."""
        shown = request.headers.get("authorization", "")
        return shown in self.tokens and (
            not shown.startswith("DPoP ") or self._proved(request, url, now, shown.split()[1]) is not None
        )

    def give_token(self, request, url, now):
        """Answer *request*, which came at *now* for *url*, with a token or a refusal."""
        if self.nonce is None:
            return self._given(request, url, now, "Bearer")
        proof = self._proved(request, url, now)
        if proof is None:
            return Reply(400, b'{"error":"invalid_dpop_proof"}')
        if proof.get("nonce") != self.nonce:
            return Reply(400, b'{"error":"use_dpop_nonce"}', {"DPoP-Nonce": self.nonce})
        reply = self._given(request, url, now, "DPoP")
        if reply.status == 200:
            self._bound[json.loads(reply.body)["access_token"]] = proof["jwk"]
        return reply

    def _proved(self, request, url, now, token=None):
        """Return the claims of the proof in *request*, by whose key *token* was given; None: it proves nothing."""
        try:
            header = jwt.get_unverified_header(request.headers.get("dpop", ""))
            key = jwt.PyJWK(header["jwk"]).key
            claims = jwt.decode(request.headers["dpop"], key, ["ES256"], options={"verify_iat": False})
        except (jwt.PyJWTError, KeyError):
            return None
        digest = base64.urlsafe_b64encode(hashlib.sha256((token or "").encode()).digest()).decode().rstrip("=")
        is_good = (header["typ"], claims["htm"], claims["htu"]) == ("dpop+jwt", request.method, url)
        is_bound = token is None or (claims["ath"], self._bound[token]) == (digest, header["jwk"])
        is_new = abs(claims["iat"] - now) < 60 and claims["jti"] not in self._proofs
        self._proofs.append(claims["jti"])
        return claims | {"jwk": header["jwk"]} if is_good and is_bound and is_new else None

    def _given(self, request, url, now, kind):
        form = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
        unverified = {"verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(form["client_assertion"], self.key, ["RS256"], audience=url, options=unverified)
        except (jwt.PyJWTError, TypeError):
            return Reply(401, b'{"error":"invalid_client"}')
        is_true = claims["iat"] - 60 <= now <= claims["exp"] <= now + 3600
        if not is_true or {claims["iss"], claims["sub"]} != {"0oa1"}:
            return Reply(401, b'{"error":"invalid_client","error_description":"client_assertion is expired."}')
        if (form["grant_type"], form["scope"]) != ("client_credentials", "okta.logs.read"):
            return Reply(400, b'{"error":"invalid_scope"}')
        token = f"token{len(self._proofs)}-{len(self.tokens)}"
        self.tokens.add(f"{kind} {token}")
        given = {"token_type": kind, "expires_in": 3600, "access_token": token, "scope": form["scope"]}
        return Reply(body=json.dumps(given).encode())
