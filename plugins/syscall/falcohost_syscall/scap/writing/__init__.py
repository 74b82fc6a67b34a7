"""Writes captures in the format of Falco and sysdig, from the events of any driver."""
