"""The push-down: from the rules' conditions to BPF programs that return early when no rule can want an event."""
