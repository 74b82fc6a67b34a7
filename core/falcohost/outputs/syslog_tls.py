"""Messages to a syslog over TLS; apart, since the library for it takes memory that nobody else should pay."""

from __future__ import annotations

import socket
import ssl

from falcohost.errors import OutputError
from falcohost.outputs.syslog_address import Address
from falcohost.outputs.syslog_transport import Stream, reason
from falcohost.trusted import client_context


class TlsStream(Stream):
    """A server that takes messages over TLS.

    :param ca_cert: file of the certificates that the server's has to be signed by; empty: those that the system trusts.
    :param client_cert: file of the certificate that is shown to the server; empty: none.
    :param client_key: file of its key; empty: it is in the file of the certificate.
    :raises OutputError: a file cannot be used.
    """

    def __init__(self, address: Address, ca_cert: str, client_cert: str, client_key: str) -> None:
        super().__init__(address)
        self._files = (ca_cert, client_cert, client_key)
        self._context = self._loaded()

    def made(self) -> socket.socket:
        """Return a new connection."""
        link = super().made()
        try:
            return self._context.wrap_socket(link, server_hostname=self.address.host)
        except OSError:
            link.close()
            raise

    def has_ended(self, link: socket.socket) -> bool:
        """Return whether the server has closed the connection."""
        try:
            return super().has_ended(link)
        except ssl.SSLWantReadError:
            return False

    def reason(self, error: OSError) -> str:
        """Return *error* in words."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is refused: {error.verify_message}"
        return super().reason(error)

    def _loaded(self) -> ssl.SSLContext:
        ca_cert, client_cert, client_key = self._files
        try:
            context = client_context(ca_cert or None)
            if client_cert:
                context.load_cert_chain(client_cert, client_key or None)
        except OSError as error:
            names = ", ".join(filter(None, self._files))
            raise OutputError(f"certificates of the syslog output cannot be used ({names}): {reason(error)}") from error
        return context
