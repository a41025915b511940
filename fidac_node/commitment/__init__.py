"""Storage commitment (PS3.4 J), whole: who asks, who answers, the data sets, the transactions between them.

Knows DICOM as bytes and who associates; nothing of what is committed to.
"""
