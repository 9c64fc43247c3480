"""Real servers for the tests: MongoDB, Redis, an S3 server, and real footage."""
