"""The suite: rooms by what they test, and support/ that they share."""
