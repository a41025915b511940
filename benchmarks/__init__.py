"""How fast it is, beside other vendors' programs on the same machine in the same minute: ``make bench``."""
