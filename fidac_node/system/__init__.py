"""What any daemon needs of its machine.

Processes, signals, logs, databases, TLS, locks, files that survive a power cut.
"""
