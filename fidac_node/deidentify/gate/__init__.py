"""The last gate, with its own reader: nothing of the input's identity in the encoded output, or the object is held.

Knows nothing of how the output was made; that independence is the safety.
"""
