"""Where identities hide: one function for each carrier of the specification, adding it to a CT slice.

Each says what must become of what it adds, in the words of :data:`tests.deid_corpus.MEANS`.
"""

from tests.deid_kinds import headers, held, meanings, moments, pictures, unseen, values, wording
from tests.deid_kinds.register import KINDS

__all__ = ["KINDS", "headers", "held", "meanings", "moments", "pictures", "unseen", "values", "wording"]
