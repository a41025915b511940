"""Uploads: de-identified objects that a person's browser brings, each by an idempotent ``PUT`` named by its SHA-256.

What is said here is the contract of the upload page (docs/upload.md). Nothing that is brought is believed: digests are
compared, objects go through the checks of C-STORE before anything of them is kept.
"""
