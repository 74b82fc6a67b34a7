"""BLAKE2b (RFC 7693) without OpenSSL, which :mod:`hashlib` loads: 5 MB of memory in each agent.

It is the same function; Python has it in a module of its own, whose name is not documented.
"""

from __future__ import annotations

try:
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

__all__ = ["blake2b"]
