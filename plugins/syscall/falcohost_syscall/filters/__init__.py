"""The compiler from conditions to filter programs: it is given a site, and knows no fields, records or probes."""
