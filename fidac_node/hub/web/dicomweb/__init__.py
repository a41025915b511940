"""DICOMweb: Search (QIDO-RS, PS3.18 10.6), Retrieve (WADO-RS, 10.4) and Retrieve Capabilities (8.9).

A view parses, asks and answers; ``parameters`` says what a query means, ``rows`` how the index's rows are written
(Annex F), ``media`` what the client takes. Begin with ``routes``.
"""
