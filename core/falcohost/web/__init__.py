"""Listening for webhooks: what a plugin needs whose log is sent to it over HTTP, and the answer waits for the store.

A plugin reads :class:`Listener` from its settings and makes a :class:`WebhookInput` of it, which stands where
:func:`falcohost.jsonlog.file_input` stands for files. tornado, which this needs, is imported once a source is opened.
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
