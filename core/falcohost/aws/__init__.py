"""AWS: sessions that keep working after privileges are dropped, and errors that say how to fix them.

boto3 is imported only when a session is opened.
"""

from falcohost.aws.reasons import AwsError, asked, clock, is_about_the_object
from falcohost.aws.session import AwsSession
from falcohost.aws.settings import ENVIRONMENT, KEYS, AwsSettings, capabilities, read_aws

__all__ = [
    "ENVIRONMENT",
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
