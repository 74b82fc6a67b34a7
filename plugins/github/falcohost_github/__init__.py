"""The event source ``github``: activity in repositories and organizations, from GitHub's webhooks and audit log."""
