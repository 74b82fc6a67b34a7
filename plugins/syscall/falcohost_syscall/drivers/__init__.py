"""Where system call events come from: one file per driver, and what drivers need of the machine."""
