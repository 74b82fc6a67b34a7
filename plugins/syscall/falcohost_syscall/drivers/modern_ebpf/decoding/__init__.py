"""From the probe's records to events and to the process table."""
