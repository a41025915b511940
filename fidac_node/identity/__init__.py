"""Who is who, at the site only: keys, the encrypted vault, original headers, the record of every use."""
