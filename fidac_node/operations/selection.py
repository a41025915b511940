"""Which objects a person means, and what became of them: one filter and one answer for every act."""

from __future__ import annotations

from dataclasses import dataclass

from fidac_node.spool.entry import Entry


@dataclass(frozen=True)
class Selection:
    """The objects named, or all that match every field that is not empty; ``everything``: all there are.

    ``reason`` is the code that an object was set aside with, ``patient`` a handle that a reason names, ``site`` the id
    of a site at the hub. A selection that says nothing is false: nobody means all by saying nothing.
    """

    entries: tuple[str, ...] = ()
    study: str = ""
    reason: str = ""
    patient: str = ""
    site: str = ""
    everything: bool = False

    def __bool__(self) -> bool:
        return bool(self.entries or self.study or self.reason or self.patient or self.site or self.everything)

    def names(self, entry: str) -> bool:
        """Say whether an object that matches the other fields is meant."""
        return not self.entries or entry in self.entries

    def __str__(self) -> str:
        """In the words of the record of acts."""
        fields = ("study", "reason", "patient", "site")
        said = [f"{name} {value}" for name in fields if (value := getattr(self, name))]
        return ", ".join([*self.entries, *said]) or "all"


@dataclass(frozen=True)
class Done:
    """What became of a selection: objects acted on, those that had moved on, and why studies were left alone."""

    entries: tuple[Entry, ...]
    moved_on: tuple[Entry, ...] = ()
    left_alone: tuple[str, ...] = ()
