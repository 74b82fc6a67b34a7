"""AWS sessions: boto3 sessions made from settings, whose credentials work after privileges are dropped."""

from __future__ import annotations

import logging
import os
import ssl
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from falcohost.aws.connection import ANSWERING, CONNECTING
from falcohost.aws.reasons import sentence
from falcohost.aws.settings import AwsSettings
from falcohost.connecting import addresses
from falcohost.errors import SourceError
from falcohost.installing import how_to_install
from falcohost.needs import CONNECT, PROGRAM, THREADS, Needs

if TYPE_CHECKING:  # imported when a session is opened, as boto3 is
    from falcohost.aws.direct import DirectGets, DirectPosts, Via
    from falcohost.aws.exchanges import Exchanges

#: Attempts of a request before it counts as failed.
_TRIES = 3

#: What hands out credentials to machines (EC2) and containers (ECS, EKS), besides services (AWS SDKs' reference guide).
METADATA: Final = ("169.254.169.254:80", "169.254.170.2:80", "169.254.170.23:80", "fd00:ec2::254:80", "fd00:ec2::23:80")

#: A region for clients that are created but not used.
_ANY = "us-east-1"

_NONE = (
    "there are no AWS credentials: set aws.profile, or the environment variables AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or give the machine a role"
)


class AwsSession:
    """Makes clients for the plugin *plugin*, whose extra installs boto3.

    All files are read when the session and its clients are made.

    :raises SourceError: boto3 is missing, or there are no credentials.
    """

    def __init__(self, plugin: str, settings: AwsSettings) -> None:
        self._plugin = plugin
        self._settings = settings
        try:
            import boto3
            import botocore.session
        except ModuleNotFoundError as error:
            mend = how_to_install(plugin)
            raise SourceError(f"{plugin}: AWS needs {error.name}; install it with {mend}") from error
        for name in ("boto3", "botocore", "urllib3"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            core = _configured(botocore.session.Session(profile=settings.profile or None), settings)
            if core.get_credentials() is None:
                raise SourceError(f"{plugin}: {_NONE}")
            if settings.role_arn:
                core = _configured(_assume(core, settings), settings)
            self._session: Any = boto3.Session(botocore_session=core)
            # The system's authorities: boto3's own are read with each connection, and may be in root's own folder.
            configured = core.get_config_variable("ca_bundle")
            self._authorities = configured or ssl.get_default_verify_paths().cafile
            sts = core.create_client("sts", region_name=_ANY)  # loads files that a profile's role needs later
            self._endpoints = [sts.meta.endpoint_url, core.get_config_variable("ec2_metadata_service_endpoint") or ""]
        except _boto_errors() as error:
            raise SourceError(f"{plugin}: {sentence(error)}") from error

    @property
    def needs(self) -> Needs:
        """Return what it does with the clients that were made.

        Threads make connections, to services and to what hands out credentials; files of credentials are read again,
        and a program may run.
        """
        credentials = self._session.get_credentials()
        runs = getattr(credentials, "method", "") == "custom-process"
        given = os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
        connects = (*addresses(*self._endpoints, given), *METADATA)
        return Needs(frozenset({CONNECT, THREADS, *((PROGRAM,) if runs else ())}), None, connects=connects)

    def exchanges(self, *, connections: int) -> Exchanges | None:
        """Return what asks servers over *connections* at once, in the thread that drives it.

        None: the authorities cannot be read, which boto3 says with each request. Provisional.
        """
        from botocore.httpsession import get_cert_path

        from falcohost.aws.exchanges import Exchanges

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which wants a certificate, with the server's name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_verify_locations(get_cert_path(self._authorities or True))
        except OSError:
            return None
        return Exchanges(context, connections)

    def direct_gets(self, client: Any, exchanges: Exchanges | None) -> DirectGets | None:
        """Return what gets objects over *exchanges*, with the S3 *client* that this has made; None: boto3 has to.

        Provisional.
        """
        from falcohost.aws.direct import DirectGets

        via = _via(client)
        if exchanges is None or via is None:
            return None
        return DirectGets(client, self._session.get_credentials(), exchanges, via)

    def direct_posts(self, client: Any, exchanges: Exchanges | None) -> DirectPosts | None:
        """Return what asks SQS over *exchanges*, with the *client* that this has made; None: boto3 has to.

        Provisional.
        """
        from falcohost.aws.direct import DirectPosts

        via = _via(client)
        if exchanges is None or via is None:
            return None
        return DirectPosts(client, self._session.get_credentials(), exchanges, via)

    def client(self, service: str, *, connections: int = 10) -> Any:
        """Return a client for *service* that *connections* threads can use at once.

        :raises SourceError: the region is not set, or a setting is not valid.
        """
        import botocore.config

        config = botocore.config.Config(
            retries={"mode": "standard", "max_attempts": _TRIES},
            connect_timeout=CONNECTING,
            read_timeout=ANSWERING,
            max_pool_connections=connections,
            user_agent_extra="falcohost",
        )
        try:
            client = self._session.client(
                service,
                endpoint_url=self._settings.endpoint_url or None,
                verify=self._authorities,
                config=config,
            )
        except _boto_errors() as error:
            raise SourceError(f"{self._plugin}: {sentence(error)}") from error
        self._endpoints.append(client.meta.endpoint_url)
        return client


def _via(client: Any) -> Via | None:
    """Return the proxy by which boto3 asks the service of *client*; None: it is of a kind that boto3 alone uses."""
    from botocore.httpsession import ProxyConfiguration
    from botocore.utils import get_environ_proxies

    from falcohost.aws.direct import Via

    url = client.meta.endpoint_url
    proxies = ProxyConfiguration(get_environ_proxies(url))
    proxy = proxies.proxy_url_for(url)
    if not proxy:
        return Via()
    where = urlsplit(proxy)
    if where.scheme != "http" or not where.hostname:
        return None
    headers = proxies.proxy_headers_for(proxy)
    return Via((where.hostname, where.port or 80), "".join(f"{name}: {text}\r\n" for name, text in headers.items()))


def _boto_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that boto3 raises for bad settings; a bad endpoint or role is a ValueError."""
    import botocore.exceptions

    return (botocore.exceptions.BotoCoreError, ValueError)


def _configured(core: Any, settings: AwsSettings) -> Any:
    """Return the session *core*, which has not read files yet, with *settings* in place of the environment's."""
    variables = {
        "region": settings.region,
        "config_file": settings.config,
        "credentials_file": settings.credentials,
    }
    for name, value in variables.items():
        if value:
            core.set_config_variable(name, value)
    return core


def _assume(core: Any, settings: AwsSettings) -> Any:
    """Return a session that assumes a role with the credentials of *core*."""
    import botocore.session
    from botocore.credentials import (
        CredentialProvider,
        CredentialResolver,
        DeferredRefreshableCredentials,
        create_assume_role_refresher,
    )

    sts = core.create_client("sts", endpoint_url=settings.endpoint_url or None)
    asked = {"RoleArn": settings.role_arn, "RoleSessionName": settings.role_session_name or "falcohost"}
    if settings.external_id:
        asked["ExternalId"] = settings.external_id
    credentials = DeferredRefreshableCredentials(create_assume_role_refresher(sts, asked), "assume-role")

    class Role(CredentialProvider):  # type: ignore[misc]
        METHOD = CANONICAL_NAME = "assume-role"

        def load(self) -> Any:
            return credentials

    acting = botocore.session.Session(profile=settings.profile or None)
    acting.register_component("credential_provider", CredentialResolver([Role()]))
    return acting
