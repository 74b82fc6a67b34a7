"""Records as the kernel side writes them: layout, text, counters."""
