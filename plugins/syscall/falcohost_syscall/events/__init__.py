"""One system call as an event: its process, descriptors, sockets and file names."""
