"""The event source ``github``: what happened in repositories and organizations, as GitHub's webhooks say it."""
