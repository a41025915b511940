"""The engine on folders and headers: files in, files out, reports, what two plans do differently.

For the command line.
"""
