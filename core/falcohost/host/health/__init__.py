"""The health process: says over HTTP whether the agent works, and passes on its numbers. Off unless configured."""
