"""Why there is no answer, and what mends it, from what urllib3 raises; its own text may show a secret."""

from __future__ import annotations


def reason(host: str, error: Exception) -> str:
    """Return in words why *host* gave no answer."""
    from urllib3 import exceptions

    if isinstance(error, exceptions.ProxyError):
        return f"the proxy on the way to {host} does not let us through; look at the environment's https_proxy"
    if isinstance(error, exceptions.NameResolutionError):
        return f"the name {host} is unknown; look at how it is written, and whether the name server answers"
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
    return f"the connection to {host} broke off"


def _of_tls(host: str, error: Exception) -> str:
    import ssl

    found = error.args[0] if error.args else error
    if isinstance(found, ssl.SSLCertVerificationError):
        why = found.verify_message or "it is not trusted"
        return (
            f"the certificate of {host} is not accepted: {why}; look at this machine's clock, and "
            "at the certification authorities that it trusts"
        )
    return f"no TLS connection to {host} can be made"
