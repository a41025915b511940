"""Pixel data from one file to the other: copied as bytes, without the bits and segments in which text could stand."""
