"""The fields of the syscall source, one row each."""
