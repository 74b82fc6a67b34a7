"""Any log of JSON records as an event source, without writing Python."""
