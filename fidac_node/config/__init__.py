"""Typed settings of both ends, checked at load.

Daemons, the command line, operations and ``doctor`` read them; rooms get plain values.
"""
