"""What clients of HTTP servers connect to, as sources and outputs name it (:attr:`falcohost.needs.Needs.connects`)."""

from __future__ import annotations

from urllib.parse import urlsplit


def address_of(url: str) -> str | None:
    """Return the ``host:port`` of *url*, which may lack its scheme; None if it has no host, or no valid port."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    return f"{parts.hostname}:{port}" if parts.hostname else None


def addresses(*urls: str) -> tuple[str, ...]:
    """Return the addresses of *urls*, and of the proxies that the environment names for some of them."""
    from urllib.request import getproxies  # slow to import

    found = map(address_of, (*urls, *getproxies().values()))
    return tuple(dict.fromkeys(one for one in found if one is not None))
