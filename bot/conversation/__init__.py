"""The conversation, shared by all channels: one router per audience and errand."""
