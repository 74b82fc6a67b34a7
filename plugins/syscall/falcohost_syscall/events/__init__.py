"""System calls as events: their processes, descriptors, sockets and file names, independent of the driver."""
