"""The driver ``replay``: reads events from a capture in the format of Falco and sysdig (``.scap``)."""
