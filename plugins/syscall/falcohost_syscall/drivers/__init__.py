"""The drivers, which yield the events of the syscall source."""
