"""What leaves the archive as files: a folder or a zip, with a manifest, tables of its series, and all of it verified.

Knows the archive, the index and DICOM; nothing of settings, nor of who wants it.
"""
