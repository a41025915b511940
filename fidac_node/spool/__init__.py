"""The durable queue: a file is a promise, its directory the state, its name the identity. Both ends, each box."""
