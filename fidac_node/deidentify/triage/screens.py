"""The words by which scanners and PACS name what is no slice: dose sheets, screens, reports, rendered views.

Words are compared folded (no case, no accents), with what joins them made a blank. "Low dose" is a kind
of chest CT, and a "chest protocol" is what every slice is made by: neither must match.

Most words name what is no slice whatever else is said. Two are also said of slices, "3D" of how they were acquired and
"dose" of how they were exposed: among other words they do not outweigh a header that says that slices were acquired.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from fidac_node.deidentify.rewrite.text import fold

# ImageType value 3 of what shows the values of slices as they are, in another plane, or their mean or least: not what
# brings out what is dense, as pictures for people do.
REFORMATS: Final = frozenset(
    "AXIAL MPR CORONAL SAGITTAL OBLIQUE REFORMATTED HELIX HELICAL AVERAGE MINIP".split()  # noqa: SIM905
)

# ImageType value 3 of what is made from other images and is still slices: PS3.3 C.8.2.1.1.1, C.8.15.3.1.1
# and what vendors write.
SLICES: Final = REFORMATS | frozenset(
    [
        "MIP",
        "LOCALIZER",
        "VOLUME",
        "ANGIO",
        "ATTENUATION",
        "CARDIAC",
        "CARDIAC_GATED",
        "CARDRESP_GATED",
        "DYNAMIC",
        "FLUOROSCOPY",
        "MOTION",
        "NON_PARALLEL",
        "PARALLEL",
        "POST_CONTRAST",
        "PRE_CONTRAST",
        "RESP_GATED",
        "REST",
        "STATIC",
        "STRESS",
        "WHOLE_BODY",
    ]
)

_JOINED: Final = re.compile(r"[\W_]+")
_IMAGE_TYPE: Final = re.compile(
    r"\b(?:screen|screenshot|screensave|snapshot|secondary|capture|prot|protocol|dose|report|summary|info|patient"
    r"|vrt|volrend|rendered|rendering|ssd|gsps|rgb|colou?r|dyneva|curve|graph|histogram|photo|document)\b|^3d\b"
)
# What is made of slices for a person to look at, often with marks or words on it.
_RENDERED: Final = re.compile(
    r"\b(?:mip|3 ?d|fus\w*|cad|results?|eval\w*|roi|annot\w*|overlays?|graphics?|film\w*|print\w*|views?|movie|cine)\b"
)
# Whole screens, wherever they are named: also where the protocol of the slices is named.
_SHEET: Final = (
    r"dose ?(?:report|info\w*|sheet|summary|record|page|screen|table|statement|display|overview)"
    r"|(?:rapport|fiche|feuille|releve|bilan|recap\w*|info\w*|resume) (?:de |of |des |la )*doses?"
    r"|patient ?(?:protocole?|info\w*|data|details|id|identification)|protocole? patient|(?:info\w*|donnees) patient"
    r"|screen ?(?:saves?|shots?|captures?|dump)|snap ?shots?|ecran|hard ?copy|secondary capture"
)
# What names something else than slices in the description of a series.
_SCREEN: Final = (
    r"(?:exam|examination|study|scan|series|acquisition) (?:summary|protocole?|report|info\w*)"
    r"|protocole? (?:page|sheet|summary|examen)"
    r"|reports?|rapports?|compte rendu|summary|summaries|resumes?|synthese|captures?|dosimetr\w*"
    r"|vrt?|ssd|volume render\w*|rendu (?:de )?volum\w*|surface render\w*|key images?|images? cles?"
    r"|scanned|documents?|requisition|ordonnance|demande|worksheet|consent\w*|photos?|courbes?|curves?"
    r"|graph\w*|histogram\w*"
)
# A dose as a figure, and a picture of a volume: with these beside them the two words below name a sheet or a view.
_AMOUNT: Final = (
    r"patients?|exam\w*|study|series|total\w*|cumul\w*|effecti\w*|efficace|length|longueur|log|history|historique"
    r"|recap\w*|sommaire|bilan|tableau|fiche|feuille|releve|data|donnees|sr|results?|resultats?|values?|valeurs?"
    r"|notif\w*|alert\w*|check|card|list\w*|print\w*"
)
_VIEW: Final = r"views?|vues?|pictures?|models?|modeles?|surfaces?|colou?rs?|couleurs?|rend\w*|movies?|films?|cine"
_FIGURE: Final = (
    rf"(?:{_AMOUNT}) (?:de |of |des |la )*doses?|doses? (?:de |du |of |the )*(?:{_AMOUNT})|ctdi\w*|dlp|pdl"
    rf"|(?:{_VIEW}) (?:in |en )?3 ?d|3 ?d (?:{_VIEW})"
)
# Said of slices too. By themselves they name the whole series, and hold.
_SAID_OF_SLICES: Final = r"3 ?d|doses?"
_ANYWHERE: Final = re.compile(rf"\b(?:{_SHEET})\b")
_IN_SERIES: Final = re.compile(rf"\b(?:{_SCREEN})\b|^protocole?s?$")
_FIGURES: Final = re.compile(rf"\b(?:{_FIGURE})\b")
_AMBIGUOUS: Final = re.compile(rf"\b(?:{_SAID_OF_SLICES})\b")
_NOTHING_ELSE: Final = re.compile(rf"(?:(?:{_SAID_OF_SLICES}|radiation|ct|scanner|tdm)(?: |$))+")
# Said of slices: how much dose they were made with, and a reconstruction of that name.
_HARMLESS: Final = re.compile(
    r"\b(?:low|ultralow|basse?|faible|reduced|half|demi|full|pleine|normal|standard|regular|high|care|i|min|minimal)"
    r" (?:radiation )?dose\b"
    r"|\bdose (?:tres |ultra )?(?:faible|basse|reduite|reduction|reduced|standard|normale|modulation|modulee|4d)\b"
    r"|\baidr ?3d\b"
)
_LOCALIZER: Final = re.compile(
    r"\b(?:locali[sz]ers?|topograms?|topogramme|topo|top|scouts?|surview|scanograms?|pilot|reperage)\b"
)
_REMEMBERED: Final = 1024


@lru_cache(maxsize=_REMEMBERED)
def in_image_type(value: str) -> bool:
    """Say whether one value of ImageType names a screen, a report or a rendered view."""
    return _IMAGE_TYPE.search(_plain(value)) is not None


@lru_cache(maxsize=_REMEMBERED)
def in_series(description: str, *, acquired: bool = False) -> bool:
    """Say whether a SeriesDescription names something else than slices.

    ``acquired``: the header says of itself that they are slices as the scanner acquired them.
    """
    said = _plain(description)
    told = _HARMLESS.sub(" ", said).strip()
    if _ANYWHERE.search(said) or _IN_SERIES.search(told):
        return True
    if _AMBIGUOUS.search(told) is None:
        return False
    return not acquired or bool(_NOTHING_ELSE.fullmatch(said) or _FIGURES.search(said))


@lru_cache(maxsize=_REMEMBERED)
def in_protocol(text: str) -> bool:
    """Say whether a ProtocolName or DerivationDescription names a whole screen."""
    return _ANYWHERE.search(_plain(text)) is not None


@lru_cache(maxsize=_REMEMBERED)
def is_rendered(text: str) -> bool:
    """Say whether a value of ImageType or a SeriesDescription names a projection, or what has marks on it."""
    return _RENDERED.search(_plain(text)) is not None


@lru_cache(maxsize=_REMEMBERED)
def is_localizer(text: str) -> bool:
    """Say whether a value of ImageType or a SeriesDescription names a localizer."""
    return _LOCALIZER.search(_plain(text)) is not None


def _plain(text: str) -> str:
    return _JOINED.sub(" ", fold(text)).strip()
