"""One encoded element in, its replacement out: the actions of a plan, and the tables of what may stay.

Standard library alone.
"""
