"""The state that outlives a process: alerts, how far each source has been read, how far each output has come."""
