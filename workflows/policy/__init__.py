"""Pure decisions: what may happen to a case, who does it, by when. No I/O, no framework."""
