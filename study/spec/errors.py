"""The error of a setting, for a command line to name its flag."""


class SettingError(ValueError):
    """A setting of a study is out of bounds.

    ``name`` is the setting, so that a command line can name its flag instead.
    """

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(name, value, expected)
        self.name, self.value, self.expected = name, value, expected

    def __str__(self) -> str:
        return f"{self.name} is {self.value!r}; expected {self.expected}"
