"""Rules and events for benchmarks: as many as are wanted, and like those that people have."""
