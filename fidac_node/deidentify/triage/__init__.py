"""What is not de-identified at all but held for a person, and the looking for text in pixels."""
