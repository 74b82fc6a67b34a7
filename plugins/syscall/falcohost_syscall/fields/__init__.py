"""The fields of the syscall source: a row for each."""
