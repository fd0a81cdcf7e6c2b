"""Masking: phone and ID numbers leave the need-to-know circle only in part."""

import re

_ID = re.compile(r"(?<!\d)(\d{6})\d{8}(\d{3}[\dXx])(?!\d)")
_MOBILE = re.compile(r"(?<!\d)(1[3-9]\d)[ -]?\d{4}[ -]?(\d{4})(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)(0\d{2,3}[- ]?)\d{3,4}(\d{4})(?!\d)")


def mask(text: str) -> str:
    """The text with the middle of every phone and ID number hidden: 138****5678."""
    text = mask_id(text)
    text = _MOBILE.sub(r"\1****\2", text)
    return _LANDLINE.sub(r"\1****\2", text)


def mask_id(text: str) -> str:
    """ID numbers only: who goes to the door needs the phone number, nobody needs the other."""
    return _ID.sub(r"\1********\2", text)
