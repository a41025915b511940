"""What a browser is given beyond pages: the engine that de-identifies there, and the libraries of others.

A hub's server and a site's may give it alike. Built by ``make portal`` (:mod:`.build`), looked up by :mod:`.assets`.
"""
