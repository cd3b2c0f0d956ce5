import pytest

from livn_gym.errors import InvalidInput
from livn_gym.system import files, sonata


def test_the_layout_is_recognised(five, graph_folder, tmp_path):
    sonata.write(five, tmp_path / "sonata")
    assert files.read(tmp_path / "sonata").name == "five"
    assert files.read(str(graph_folder)).name == "small"


def test_other_folders_are_refused_by_what_was_expected(tmp_path):
    (tmp_path / "notes.txt").write_text("no culture")
    with pytest.raises(InvalidInput, match=r"holds no system.*circuit_config\.json.*graph\.json"):
        files.read(tmp_path)
    with pytest.raises(InvalidInput, match="does not exist"):
        files.read(tmp_path / "absent")
    with pytest.raises(InvalidInput, match="is a file"):
        files.read(tmp_path / "notes.txt")
