"""The event source ``okta``: what happened in an Okta organization, as its System Log records it."""
