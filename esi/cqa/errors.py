"""The one error of this area: its message is a sentence that a user can act on."""


class CqaError(ValueError):
    """A book, an index, a statement table or an endpoint is not as it must be."""
