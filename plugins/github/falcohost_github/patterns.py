"""The patterns of secrets, with Falco's names of their types, and the words of miners."""

from __future__ import annotations

from dataclasses import dataclass

import re2


@dataclass(frozen=True, slots=True)
class Secret:
    """A type of secret.

    :ivar desc: its name, the value of ``github.diff.committed_secrets.desc``.
    :ivar platform: the service that issues it.
    :ivar pattern: an RE2 pattern for lines that contain one.
    :ivar type: key, secret or client.
    """

    desc: str
    platform: str
    pattern: str
    type: str = "key"


_QUOTE = "[\"']"
_AWS = rf"{_QUOTE}?(?i:aws_?)?"
_IS = rf"{_QUOTE}?\s*(?::|=>|=)\s*{_QUOTE}?"


def _near(word: str) -> str:
    """Return the pattern of *word* in any case, followed by at most twenty characters."""
    return f"(?i:{word}).{{0,20}}"


SECRETS = (
    Secret("aws_access_key", "AWS", "(?:A3T[A-Z0-9]|AGPA|AIDA|AIPA|AKIA|ANPA|ANVA|AROA|ASIA)[A-Z0-9]{16}"),
    Secret("aws_secret_key", "AWS", rf"{_AWS}(?i:(?:secret)?_?(?:access)?_?key){_IS}[A-Za-z0-9/+=]{{40}}"),
    Secret("aws_mws_key", "AWS", r"amzn\.mws\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    Secret("aws_account_id", "AWS", rf"{_AWS}(?i:account_?(?:id)?){_IS}[0-9]{{4}}-?[0-9]{{4}}-?[0-9]{{4}}"),
    Secret("facebook_secret_key", "Facebook", rf"{_near('facebook|fb')}{_QUOTE}[0-9a-f]{{32}}{_QUOTE}"),
    Secret("facebook_client_id", "Facebook", rf"{_near('facebook|fb')}{_QUOTE}[0-9]{{13,17}}{_QUOTE}"),
    Secret("twitter_secret_key", "Twitter", rf"{_near('twitter')}{_QUOTE}(?i:[0-9a-z]{{35,44}}){_QUOTE}"),
    Secret("twitter_client_id", "Twitter", rf"{_near('twitter')}{_QUOTE}(?i:[0-9a-z]{{18,25}}){_QUOTE}", "client"),
    Secret("github_personal_access_token", "Github", "ghp_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{82}"),
    Secret("github_oauth_access_token", "Github", "gho_[0-9A-Za-z]{36}"),
    Secret("github_app_token", "Github", "gh[us]_[0-9A-Za-z]{36}"),
    Secret("github_refresh_token", "Github", "ghr_[0-9A-Za-z]{76}"),
    Secret("linkedin_client_id", "LinkedIn", f"{_near('linkedin')}[0-9a-z]{{12}}", "client"),
    Secret("linkedin_secret_key", "LinkedIn", f"{_near('linkedin')}(?i:[0-9a-z]{{16}})", "secret"),
    Secret("slack", "Slack", "xox[abprs]-(?:[0-9A-Za-z]{10,48})?"),
    Secret(
        "asymmetric_private_key",
        "AsymmetricPrivateKey",
        "-----BEGIN (?:(?:EC|PGP|DSA|RSA|OPENSSH|ENCRYPTED) )?PRIVATE KEY(?: BLOCK)?-----",
    ),
    Secret("google_api_key", "Google", r"AIza[0-9A-Za-z_\-]{35}"),
    Secret("google_gcp_service_account", "Google", r'"type"\s*:\s*"service_account"'),
    Secret("heroku_api_key", "Heroku", rf"{_near('heroku')}(?i:[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})"),
    Secret("mailchimp_api_key", "Mailchimp", rf"{_near('mailchimp|mc')}(?i:[0-9a-f]{{32}}-us[0-9]{{1,2}})"),
    Secret("mailgun_api_key", "Mailgun", "key-[0-9a-z]{32}"),
    Secret("paypal_braintree_access_token", "Paypal", r"access_token\$production\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    Secret("picatic_api_key", "Picatic", "sk_live_[0-9a-z]{32}"),
    Secret("sendgrid_api_key", "SendGrid", r"SG\.\w{16,32}\.[\w\-]{16,64}"),
    Secret(
        "slack_webhook",
        "slack",
        r"https://hooks\.slack\.com/services/T[0-9A-Za-z_]{8,}/B[0-9A-Za-z_]{8,}/[0-9A-Za-z_]{24}",
    ),
    Secret("stripe_api_key", "Stripe", f"(?:{_near('stripe')})?[rs]k_live_[0-9A-Za-z]{{24}}"),
    Secret("square_access_token", "square", r"sq0atp-[\w\-]{22}"),
    Secret("square_oauth_secret", "square", r"sq0csp-[\w\-]{43}"),
    Secret("twilio_api_key", "twilio", f"{_near('twilio')}(?i:SK[0-9a-f]{{32}})"),
    Secret("dynatrace_token", "Dynatrace", r"dt0[A-Za-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    Secret("shopify_shared_secret", "Shopify", "shpss_[0-9A-Fa-f]{32}"),
    Secret("shopify_access_token", "Shopify", "shpat_[0-9A-Fa-f]{32}"),
    Secret("shopify_custom_app_access_token", "Shopify", "shpca_[0-9A-Fa-f]{32}"),
    Secret("shopify_private_app_access_token", "Shopify", "shppa_[0-9A-Fa-f]{32}"),
    Secret("pypi_upload_token", "pypi", r"pypi-AgEIcHlwaS5vcmc[\w\-]{50,1000}"),
)

#: Of the words in a line, the one that comes first here is reported.
MINERS = (
    "xmrig", "ccminer", "t-rex", "stratum", "pool", "hashrate", "cryptonight", "wallet", "gminer", "gpuminer",
    "cpuminer", "nanominer", "nicehash", "xmr-stak", "nbminer", "srbminer", "hiveos", "ethermine", "kryptex",
    "2miners", "betterhash", "minerstat", "raveos", "f2pool", "unmineable", "minergate", "cryptotab", "lolminer",
    "phoenixminer",
)  # fmt: skip


def _all_of(patterns: tuple[str, ...]) -> re2.Set:
    options = re2.Options()
    options.log_errors = False
    found = re2.Set.SearchSet(options)
    for pattern in patterns:
        found.Add(pattern)
    found.Compile()
    return found


_secrets = _all_of(tuple(secret.pattern for secret in SECRETS))


def secret_in(line: str) -> Secret | None:
    """Return the type of secret in *line*; if there are several, the first in the table."""
    found = _secrets.Match(line)
    return SECRETS[min(found)] if found else None


def miner_in(line: str) -> str | None:
    """Return the word of miners in *line*; if there are several, the first in the table."""
    return next((word for word in MINERS if word in line), None)
