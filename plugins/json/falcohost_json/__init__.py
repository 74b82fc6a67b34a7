"""Any log of JSON records as an event source, without a line of Python."""
