"""What a worker leaves to the next one: how far it came, and what it knew there, in memory that outlives it."""
