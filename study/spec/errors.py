"""The error of a study's setting."""


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
