"""Our own components of the Rasa pipeline."""
