"""Made-up chest CT studies: what ``fidac-node demo`` sends when it is given no folder, and what tests send.

Everything that a de-identifier must remove is there as scanners write it: French names with accents,
identifiers at several depths, staff, places, private blocks that repeat the patient's name. The people
do not exist and their telephone numbers are among those set aside for fiction (Arcep decision
2018-0881). The same options give the same bytes for ever.
"""

from fidac_node.phantom.scan import IDENTITIES, Identity, Scan
from fidac_node.phantom.study import secondary_capture, series, write_enhanced, write_series
from fidac_node.phantom.vendors import VENDORS, Vendor

__all__ = [
    "IDENTITIES",
    "VENDORS",
    "Identity",
    "Scan",
    "Vendor",
    "secondary_capture",
    "series",
    "write_enhanced",
    "write_series",
]
