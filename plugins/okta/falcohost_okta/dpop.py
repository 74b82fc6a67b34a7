"""Demonstrating Proof of Possession (RFC 9449): proves that the sender of an access token is its owner."""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Any

_ALGORITHM = "ES256"


class Prover:
    """Makes proofs with a key of its own, which never leaves this process.

    :ivar nonce: the nonce that the authorization server wants in the next proof; empty: none.
    """

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec
        from jwt.algorithms import ECAlgorithm

        self.nonce = ""
        self._key = ec.generate_private_key(ec.SECP256R1())
        public: dict[str, Any] = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self._header = {"typ": "dpop+jwt", "jwk": public}

    def proof(self, method: str, url: str, now: float, token: str = "") -> str:
        """Return the header ``DPoP`` of a request that sends *token*, if it is set; *now* is the server's time."""
        import jwt

        claims: dict[str, Any] = {
            "htm": method,
            "htu": url.partition("?")[0],
            "iat": int(now),
            "jti": str(uuid.uuid4()),
        }
        if token:
            digest = hashlib.sha256(token.encode()).digest()
            claims["ath"] = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        elif self.nonce:
            claims["nonce"] = self.nonce
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM, headers=self._header)
