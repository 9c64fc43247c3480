"""The timeline: what the channels that a user follows publish, and what is popular."""
