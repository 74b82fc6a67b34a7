"""The Kubernetes audit log as an event source: Falco's ``k8saudit`` plugin."""
