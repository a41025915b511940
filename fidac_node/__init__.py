"""FIDAC node: chest CT from the hospital's PACS to the national hub, anonymised and never lost."""

__version__ = "0.1.0"
