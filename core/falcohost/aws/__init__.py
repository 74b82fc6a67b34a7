"""Asking AWS: sessions whose credentials were read while root's files could be, and errors that say what mends them.

boto3, which this needs, is imported once a session is opened.
"""

from falcohost.aws.reasons import AwsError, asked, clock, is_about_the_object
from falcohost.aws.session import AwsSession
from falcohost.aws.settings import KEYS, AwsSettings, capabilities, read_aws

__all__ = [
    "KEYS",
    "AwsError",
    "AwsSession",
    "AwsSettings",
    "asked",
    "capabilities",
    "clock",
    "is_about_the_object",
    "read_aws",
]
