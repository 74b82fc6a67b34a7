"""Each kind of secret and each word of miners is found in a line, and what looks like it is not."""

from __future__ import annotations

import pytest

from falcohost_github.patterns import MINERS, SECRETS, miner_in, secret_in

HEX, ALNUM = "0123456789abcdef" * 8, "0aB1cD2eF3gH4iJ5" * 8

#: For each kind a line that holds one, and one that does not.
LINES = {
    "aws_access_key": ("id=AKIAIOSFODNN7EXAMPLE", "id=AKIAIOSFODNN7"),
    "aws_secret_key": (f"AWS_SECRET_ACCESS_KEY = '{ALNUM[:40]}'", f"AWS_SECRET_ACCESS_KEY = '{ALNUM[:39]}'"),
    "aws_mws_key": (f"amzn.mws.{HEX[:8]}-{HEX[:4]}-{HEX[:4]}-{HEX[:4]}-{HEX[:12]}", "amzn.mws.1"),
    "aws_account_id": ("aws_account_id: 1234-5678-9012", "aws_account_id: 1234"),
    "facebook_secret_key": (f"facebook = '{HEX[:32]}'", f"facebook = {HEX[:32]}"),
    "facebook_client_id": ("fb_id = '12345678901234'", "fb_id = '123'"),
    "twitter_secret_key": (f"TWITTER: '{ALNUM[:40]}'", f"twitter {ALNUM[:40]}"),
    "twitter_client_id": (f"twitter: '{ALNUM[:20]}'", "twitter: 'name'"),
    "github_personal_access_token": (f"ghp_{ALNUM[:36]}", f"ghp_{ALNUM[:35]}"),
    "github_oauth_access_token": (f"gho_{ALNUM[:36]}", f"ghx_{ALNUM[:36]}"),
    "github_app_token": (f"ghs_{ALNUM[:36]}", f"ghs-{ALNUM[:36]}"),
    "github_refresh_token": (f"ghr_{ALNUM[:76]}", f"ghr_{ALNUM[:36]}"),
    "linkedin_client_id": (f"linkedin={HEX[:12]}", "linkedin=1"),
    "linkedin_secret_key": ("linkedin=ABCDEFGH01234567", "linkedin=ABCDEFGH"),
    "slack": ("xoxb-0123456789", "xoxq-0123456789"),
    "asymmetric_private_key": ("-----BEGIN OPENSSH PRIVATE KEY-----", "-----BEGIN PUBLIC KEY-----"),
    "google_api_key": (f"AIza{ALNUM[:35]}", f"AIza{ALNUM[:10]}"),
    "google_gcp_service_account": ('"type": "service_account"', '"type": "user"'),
    "heroku_api_key": (f"HEROKU_KEY={HEX[:8]}-{HEX[:4]}-{HEX[:4]}-{HEX[:4]}-{HEX[:12]}", "heroku=1"),
    "mailchimp_api_key": (f"mailchimp={HEX[:32]}-us12", f"mailchimp={HEX[:32]}"),
    "mailgun_api_key": (f"key-{HEX[:32]}", f"key-{HEX[:31]}"),
    "paypal_braintree_access_token": (f"access_token$production${HEX[:16]}${HEX[:32]}", "access_token$sandbox$1$2"),
    "picatic_api_key": (f"sk_live_{HEX[:32]}", f"sk_test_{HEX[:32]}"),
    "sendgrid_api_key": (f"SG.{ALNUM[:22]}.{ALNUM[:43]}", "SG.a.b"),
    "slack_webhook": (f"https://hooks.slack.com/services/T{ALNUM[:8]}/B{ALNUM[:8]}/{ALNUM[:24]}", "hooks.slack.com"),
    "stripe_api_key": (f"rk_live_{ALNUM[:24]}", f"rk_test_{ALNUM[:24]}"),
    "square_access_token": (f"sq0atp-{ALNUM[:22]}", "sq0atp-1"),
    "square_oauth_secret": (f"sq0csp-{ALNUM[:43]}", "sq0csp-1"),
    "twilio_api_key": (f"twilio SK{HEX[:32]}", f"SK{HEX[:32]}"),
    "dynatrace_token": (f"dt0c01.{'A1' * 12}.{'B2' * 32}", "dt0c01.A.B"),
    "shopify_shared_secret": (f"shpss_{HEX[:32]}", "shpss_1"),
    "shopify_access_token": (f"shpat_{HEX[:32]}", "shpat_1"),
    "shopify_custom_app_access_token": (f"shpca_{HEX[:32]}", "shpca_1"),
    "shopify_private_app_access_token": (f"shppa_{HEX[:32]}", "shppa_1"),
    "pypi_upload_token": (f"pypi-AgEIcHlwaS5vcmc{ALNUM[:60]}", "pypi-AgEIcHlwaS5vcmc1"),
}


def test_all_are_here():
    """Every kind has its lines here."""
    assert set(LINES) == {secret.desc for secret in SECRETS}


@pytest.mark.parametrize("desc", LINES)
def test_secret(desc):
    """A line with the secret is of its kind, also amid other text; the other line is not."""
    held, other = LINES[desc]

    assert desc == secret_in(held).desc
    assert desc == secret_in(f"  {held} # ä").desc
    assert secret_in(other) is None or desc != secret_in(other).desc


def test_nothing():
    """Plain lines hold none."""
    assert [None] * 3 == [secret_in(line) for line in ("", "import os", "password = os.environ['PASSWORD']")]


def test_miners():
    """Each word is found, of several the first of the table."""
    assert [] == [word for word in MINERS if (miner_in(f"run: {word} -o x") or "none") not in word]
    assert "xmrig" == miner_in("wallet=1 ./xmrig")
    assert "pool" == miner_in("f2pool")
    assert miner_in("run: make test") is None
