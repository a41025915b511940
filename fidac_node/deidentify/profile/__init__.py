"""What is to become of each attribute: layers of deid's recipe language, compiled to a plan.

Compiling loads deid, a plan does not.
"""
