"""The parts of the crash harness: the messenger, the people, the stand-in reader, the lives, the verdict."""
