"""What an operator does with a running product: back it up, bring it back, ask how it is, stop it."""
