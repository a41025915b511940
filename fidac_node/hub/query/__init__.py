"""Query/Retrieve (PS3.4 Annex C): what a client asks in DICOM becomes a ``StudyFilter``, and rows become its answer.

Knows the index and DICOM, and who asks; nothing of settings, and nothing of how objects come in.
"""
