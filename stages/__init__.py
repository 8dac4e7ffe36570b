import esi  # noqa: F401  its beginning makes a sentence of Ctrl-C
