"""The hub by HTTP, for programs: one ASGI application, DICOMweb under ``/dicom-web`` (PS3.18).

It asks and fetches by ``operations/`` as the command line does, and runs in a process of its own. What it is made of is
the extra ``web``: nothing outside of this room imports it but for ``listening``, which needs none of that.
"""
