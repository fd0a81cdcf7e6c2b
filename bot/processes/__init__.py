"""Several processes on one PostgreSQL: who does what, who wakes whom, and in which order a chat is written to."""
