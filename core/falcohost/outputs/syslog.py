"""The output ``syslog``: a message per alert, to this machine's syslog or to a server, over UDP, TCP or TLS.

On this machine messages have the form of syslog(3), which every daemon knows. A server gets them as RFC 5424 says, with
the octets counted over TCP and TLS (RFC 6587, RFC 5425).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from falcohost.alert import Alert, AlertFormat
from falcohost.errors import OutputError
from falcohost.hookspecs import RetriedProblem
from falcohost.outputs.syslog_address import FACILITIES, Address, read_address
from falcohost.outputs.syslog_transport import Local, Stream, Transport, Udp

#: What syslog(3) writes: the name of the program.
APP: Final = "falcohost"

#: Most bytes of a message in a datagram; a longer one is cut.
LONGEST: Final = 60_000
_CUT: Final = "…".encode()

#: Most characters of a host's name (RFC 5424, 6).
_HOSTNAME: Final = 255


def make_syslog(block: Mapping[str, Any], form: AlertFormat) -> SyslogOutput:
    """Return the output with its transport.

    :raises OutputError: a certificate cannot be used.
    """
    address, facility = read_address(str(block["address"])), FACILITIES[str(block["facility"])]
    if address is None:
        return SyslogOutput(Local(), _in_datagram(lambda alert: _local(alert, facility, form)))
    if address.kind == "udp":
        return SyslogOutput(Udp(address), _in_datagram(lambda alert: _rfc5424(alert, facility, form)))
    return SyslogOutput(_stream(address, block), lambda alert: _counted(_rfc5424(alert, facility, form)))


def syslog_problem(block: Mapping[str, Any]) -> str | None:
    """Return why nothing can be sent to the address; None if a connection can be made."""
    try:
        output = make_syslog(block, _NoForm())
    except OutputError as error:
        return str(error)
    try:
        output.connect()
    except OutputError as error:
        return RetriedProblem(f"{error}; alerts wait until it is there")
    finally:
        output.close()
    return None


class SyslogOutput:
    """Sends what *encode* makes of each alert with *transport*."""

    def __init__(self, transport: Transport, encode: Callable[[Alert], bytes]) -> None:
        self._transport = transport
        self._encode = encode

    def connect(self) -> None:
        """Make the connection.

        :raises OutputError: that is impossible now.
        """
        self._transport.connect()

    def deliver(self, alerts: list[Alert]) -> None:
        """Send a message per alert. After an error the host delivers all of them again.

        :raises OutputError: there is no syslog at the address, or it does not take messages.
        """
        self._transport.send([self._encode(alert) for alert in alerts])

    def reopen(self) -> None:
        """Connect anew before the next message."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


def _stream(address: Address, block: Mapping[str, Any]) -> Stream:
    if address.kind == "tcp":
        return Stream(address)
    from falcohost.outputs.syslog_tls import TlsStream

    return TlsStream(address, *(str(block[name]) for name in ("ca_cert", "client_cert", "client_key")))


def _local(alert: Alert, facility: int, form: AlertFormat) -> bytes:
    """Return the message as syslog(3) writes it, which the daemon stamps with the machine's name."""
    stamp = time.strftime("%b %e %H:%M:%S", time.localtime(alert.time / 1e9))
    return f"<{facility * 8 + alert.priority}>{stamp} {APP}: ".encode() + form.line(alert)


def _rfc5424(alert: Alert, facility: int, form: AlertFormat) -> bytes:
    """Return the message as RFC 5424 says, with the alert's time and host."""
    seconds, rest = divmod(alert.time, 1_000_000_000)
    stamp = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"
    host = "".join(c if "!" <= c <= "~" else "?" for c in alert.hostname[:_HOSTNAME]) or "-"
    return f"<{facility * 8 + alert.priority}>1 {stamp} {host} {APP} - alert - ".encode() + form.line(alert)


def _counted(message: bytes) -> bytes:
    return b"%d %s" % (len(message), message)


def _in_datagram(encode: Callable[[Alert], bytes]) -> Callable[[Alert], bytes]:
    def cut(alert: Alert) -> bytes:
        message = encode(alert)
        if len(message) <= LONGEST:
            return message
        return message[:LONGEST].decode("utf-8", "ignore").encode() + _CUT

    return cut


class _NoForm:
    """Formats nothing, for a connection over which nothing is sent."""

    json = False

    def line(self, alert: Alert) -> bytes:
        """Return the alert's message."""
        return alert.message.encode()
