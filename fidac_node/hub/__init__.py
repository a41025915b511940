"""The centre: what arrives is verified, filed in an archive and recorded in an index, from which questions are answered."""
