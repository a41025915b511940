"""The record of acts: who did what, from where, when, why and to how much; one line each, chained, only ever added to.

``trail.py`` writes and reads it; ``message.py`` says an act as a DICOM audit message (PS3.15 A.5), ``syslog.py`` sends
it. Knows what a machine has; nothing of what is acted upon.
"""
