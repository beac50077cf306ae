"""Where the folders of images lie that studies began with."""

from study.problem.known_folders import recall, remember


def test_a_folder_is_known_by_its_images_while_it_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "my images"
    folder.mkdir()
    assert recall("abcd") is None
    remember("abcd", str(folder))
    assert recall("abcd") == str(folder)
    assert recall("efgh") is None
    folder.rmdir()
    assert recall("abcd") is None
