"""The node in the hospital: the daemon, and what happens to an object between inbox and outbox."""
