"""The event source ``okta``: the System Log of an Okta organization."""
