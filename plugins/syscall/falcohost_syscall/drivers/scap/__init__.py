"""The driver ``replay``: events from a capture in the format of Falco and sysdig (``.scap``)."""
