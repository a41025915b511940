"""The sender: objects of the outbox to the hub, and the hub's word that it keeps them."""
