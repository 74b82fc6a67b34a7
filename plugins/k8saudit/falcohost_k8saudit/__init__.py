"""The event source ``k8s_audit``: the audit log of a Kubernetes API server, as in Falco's ``k8saudit`` plugin."""
