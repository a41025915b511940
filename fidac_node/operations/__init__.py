"""What a person may do, for command line, pages and API alike: one function per act, one filter, records for answers.

Calls rooms and knows nothing of who asks: nothing here prints or parses. Whatever changes or discloses something is
written to the record of acts (``uses.py``) before it is done.
"""
