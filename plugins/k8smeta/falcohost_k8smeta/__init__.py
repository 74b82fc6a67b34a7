"""The plugin ``k8smeta``: what the Kubernetes API server knows of the pods that system calls are from."""
