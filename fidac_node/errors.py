"""What can go wrong, in the three ways that decide what happens next.

Whoever meets the trouble decides its kind; whoever catches it only obeys: :class:`Temporary` is
tried again, :class:`Permanent` waits for a person, :class:`ConfigError` stops the start.
Messages are read by people and written to logs: they never carry an identifying value.
"""

from __future__ import annotations


class FidacError(Exception):
    """The root of every error that this package raises on purpose."""


class Temporary(FidacError):
    """It may work later: peer away, disk full, a status such as A700.

    ``status`` is the DIMSE status when a peer gave one (PS3.7 Annex C), else ``None``.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Permanent(FidacError):
    """It will not work by itself: the object is set aside until a person decides.

    ``code`` is one short word of the closed list that ``queue list`` prints and filters by.
    """

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class ConfigError(FidacError):
    """The settings, the key or a recipe cannot be used: the message says where and what to write."""


class Declined(ConfigError):
    """Something that a person asked for and that cannot be; a page says it in the person's language.

    ``msgid`` is the sentence for gettext, with ``values`` in the manner of ``%``.
    """

    def __init__(self, msgid: str, **values: object) -> None:
        super().__init__(msgid % values)
        self.msgid = msgid
        self.values = values


class NotFound(FidacError):
    """What a person named is not there; the message says where to look."""
