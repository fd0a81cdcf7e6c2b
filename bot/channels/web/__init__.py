"""The chat page: its own small messenger with bubbles in the database and a socket to each open page."""
