"""The portal's pages for people: Jinja2 templates in French and English, which work without JavaScript.

``render.py`` makes a page of a template; ``language.py`` knows which language it is in.
"""
