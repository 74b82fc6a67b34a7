"""From the rules' plan to what is asked of the kernel: which events it may leave out, and what it has to collect."""
