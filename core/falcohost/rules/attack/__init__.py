"""Which techniques of MITRE ATT&CK rules cover, and which the loaded sources cannot show."""
