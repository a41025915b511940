"""Reception: who may associate, and the way of the bytes from the socket to a finished file."""
