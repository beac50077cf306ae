"""Commands that are called with bad input: how they refuse it, and that nothing on disk changes."""

from pathlib import Path


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """The name, the size and the time of change of all that is in a folder, at any depth."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        found[str(path.relative_to(folder))] = (status.st_size, status.st_mtime_ns)
    return found


def refused(main, argv, folder, capsys, status=2) -> str:
    """Call a command that has to refuse its arguments with this status; return its one line."""
    before = snapshot(folder)
    capsys.readouterr()
    try:
        returned = main(list(argv))
    except SystemExit as exit_:
        returned = exit_.code
    error = capsys.readouterr().err
    assert returned == status, (argv, returned, error)
    assert error.count("\n") == 1, (argv, error)
    assert error.endswith("\n")
    assert snapshot(folder) == before, argv
    return error
