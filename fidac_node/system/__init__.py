"""What any daemon needs of its machine: processes, signals, logs, databases, TLS, locks, files that survive a power cut."""
