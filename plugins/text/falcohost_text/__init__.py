"""Event sources of text logs: syslog, auth.log, access logs, the journal, or lines that a pattern describes."""
