"""Who is signed in: the session's cookie, tokens against forged requests, and the pages to sign in, out and to manage.

What is done to an account is an operation; here it is asked for.
"""
