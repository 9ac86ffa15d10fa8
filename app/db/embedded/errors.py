"""What can go wrong around the embedded server, in words an operator can act on."""


class EmbeddedError(Exception):
    """The embedded server cannot be used; the message is one clear sentence (a log excerpt may follow)."""
