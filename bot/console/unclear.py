"""What a form of the console cannot be followed for."""


class Unclear(Exception):
    """A form that cannot be followed; the text says what to write instead. Nothing was changed."""
