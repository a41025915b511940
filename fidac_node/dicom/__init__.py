"""DICOM as bytes and numbers: Part 10 files, elements, what slices of a series share, character sets, dictionary, UIDs.

Imports no room above it and, but for the standard library, nothing.
"""
