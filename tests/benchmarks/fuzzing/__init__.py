"""What `make fuzz` is made of: people, what they send, how it is spoiled, a stand-in reader, and who looks on."""
