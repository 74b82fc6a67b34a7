"""Signs requests with AWS's signatures, version 4 ("Signing AWS API requests" in the guide to AWS's IAM).

botocore's signer takes five times as long, since it signs any request; here little differs from one to the next.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import Any, Final, NamedTuple

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_NOTHING: Final = hashlib.sha256(b"").hexdigest()


class Asked(NamedTuple):
    """A request: path and *query* are quoted, and *query* is in order.

    :ivar begin: signed headers that come before those of AWS, in order: each in lower case, and with an end of line.
    :ivar begin_names: their names, with semicolons between and after them.
    :ivar end: signed headers that come after them.
    """

    method: str
    path: str
    query: str
    begin: str
    begin_names: str
    end: str = ""
    end_names: str = ""
    body: bytes = b""


def signed(credentials: Any, region: str, service: str, at: str, asked: Asked) -> str:
    """Return the signed headers of a request, with the signature, each with an end of line.

    :param credentials: botocore's, frozen.
    :param at: the time, like 20261129T134500Z.
    """
    payload = hashlib.sha256(asked.body).hexdigest() if asked.body else _NOTHING
    content, content_name = "", ""
    if service == "s3":
        content, content_name = f"x-amz-content-sha256:{payload}\n", "x-amz-content-sha256;"
    token, token_name = "", ""
    if credentials.token:
        token, token_name = f"x-amz-security-token:{credentials.token}\n", ";x-amz-security-token"
    names = f"{asked.begin_names}{content_name}x-amz-date{token_name}{asked.end_names}"
    lines = f"{asked.begin}{content}x-amz-date:{at}\n{token}{asked.end}"
    whole = f"{asked.method}\n{asked.path}\n{asked.query}\n{lines}\n{names}\n{payload}"
    day = at[:8]
    scope = f"{day}/{region}/{service}/aws4_request"
    text = f"{_ALGORITHM}\n{at}\n{scope}\n{hashlib.sha256(whole.encode()).hexdigest()}"
    signature = hmac.digest(_key(credentials.secret_key, day, region, service), text.encode(), "sha256").hex()
    by = f"Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return f"{lines}authorization:{_ALGORITHM} {by}\n".replace("\n", "\r\n")


@lru_cache(maxsize=4)
def _key(secret: str, day: str, region: str, service: str) -> bytes:
    """Return the key that signs the requests of a *day*."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
