"""The centre: what arrives is verified, filed in an archive and recorded in an index, which answers questions."""
