"""Webhooks: building blocks for plugins whose log is sent to them over HTTP. Requests are answered once stored.

A plugin makes a :class:`Listener` from its settings and passes it to a :class:`WebhookInput`, the counterpart of
:func:`falcohost.jsonlog.file_input` for files. The server is imported only when a source is opened.
"""

from falcohost.web.address import Address, is_address, read_address
from falcohost.web.body import Rejected
from falcohost.web.form import Form
from falcohost.web.input import Listener, WebhookInput, secret_files
from falcohost.web.limits import WebLimits
from falcohost.web.secret import SIGNATURE, Secret, read_secret, read_token

__all__ = [
    "SIGNATURE",
    "Address",
    "Form",
    "Listener",
    "Rejected",
    "Secret",
    "WebLimits",
    "WebhookInput",
    "is_address",
    "read_address",
    "read_secret",
    "read_token",
    "secret_files",
]
