"""Files whose names are not what a developer's are."""

import os

import pytest
from sessions import made

from livn_gym.errors import InvalidInput
from livn_gym.formats import files


@pytest.mark.parametrize("to", files.FORMATS)
def test_a_name_in_no_encoding_is_taken_or_refused(tmp_path, to):
    folder = tmp_path / "bad\udcff"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system has names in UTF-8 alone")
    path = folder / f"recording{files.FORMATS[to].suffix}"
    if to in ("neo", "parquet"):
        with pytest.raises(InvalidInput, match="UTF-8"):
            files.write(made(), path, to)
        assert os.listdir(folder) == []
    else:
        files.write(made(), path, to)
        assert len(files.read(path, to).recording.spike_t) == 4


@pytest.mark.parametrize("name", ["with space", "per%cent %s", "Zürich-培養", "#[*]?"])
@pytest.mark.parametrize("to", files.FORMATS)
def test_odd_names_will_do(tmp_path, to, name):
    path = tmp_path / f"{name}{files.FORMATS[to].suffix}"
    files.write(made(), path, to)
    assert len(files.read(path, to).recording.spike_t) == 4
