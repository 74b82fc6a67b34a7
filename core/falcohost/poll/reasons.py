"""Explains urllib3's errors and how to fix them; urllib3's own messages might contain a secret."""

from __future__ import annotations


def reason(host: str, error: Exception) -> str:
    """Return a sentence that says why *host* gave no answer."""
    from urllib3 import exceptions

    from falcohost.http_bounds import TooLong

    if too_long := next((one for one in error.args if isinstance(one, TooLong)), None):
        return f"the answer of {host} is not read to its end: {too_long}"
    if isinstance(error, exceptions.ProxyError):
        return f"the proxy refused the connection to {host}; check https_proxy in the environment"
    if isinstance(error, exceptions.NameResolutionError):
        return f"the name {host} is unknown; check its spelling and the DNS server"
    if isinstance(error, exceptions.NewConnectionError):
        cause = error.__cause__ or error.__context__
        text = cause.strerror if isinstance(cause, OSError) and cause.strerror else "no connection"
        return f"{host} cannot be reached: {text}"
    if isinstance(error, (exceptions.TimeoutError, TimeoutError)):
        return f"{host} does not answer in time"
    if isinstance(error, exceptions.SSLError):
        return _of_tls(host, error)
    if isinstance(error, (exceptions.LocationValueError, ValueError)):
        return f"the address of {host} cannot be used: {type(error).__name__}"
    return f"the connection to {host} was lost"


def _of_tls(host: str, error: Exception) -> str:
    import ssl

    found = error.args[0] if error.args else error
    if isinstance(found, ssl.SSLCertVerificationError):
        why = found.verify_message or "it is not trusted"
        return (
            f"the certificate of {host} is not valid: {why}; check this machine's clock and "
            "its trusted certificate authorities"
        )
    return f"cannot establish a TLS connection to {host}"
