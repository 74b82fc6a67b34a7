"""Response: the processes that act on alerts, what they are told, and what they tell."""
