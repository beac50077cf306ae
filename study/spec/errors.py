"""The errors that a user can act on. Each is one line."""

from pathlib import Path

REMEDY = "restore it from a copy, or begin a new study"


class SettingError(ValueError):
    """A setting of a study is out of bounds.

    Attributes:
        name: the setting; a command line names its flag instead.
        value: what it is.
        expected: what is allowed.
    """

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(name, value, expected)
        self.name, self.value, self.expected = name, value, expected

    def __str__(self) -> str:
        return f"{self.name} is {self.value!r}; expected {self.expected}"


class MachineError(Exception):
    """This machine cannot do what is asked; the message says what is in the way, what to set."""


class DamagedFile(Exception):
    """A file of results cannot be read.

    Attributes:
        path: the file.
        what: what is wrong with it.
        remedy: what to do.
    """

    def __init__(self, path: Path, what: str, remedy: str = REMEDY) -> None:
        super().__init__(path, what, remedy)
        self.path, self.what, self.remedy = path, what, remedy

    def __str__(self) -> str:
        return f"{self.path} {self.what}; {self.remedy}"
