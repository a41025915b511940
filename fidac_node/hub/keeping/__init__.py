"""What was promised is kept: the archive compared with what was filed, copied, told from one of yesterday.

And what was withdrawn stays away. Knows archive, index and spool; nothing of settings, and nothing of who asks.
"""
