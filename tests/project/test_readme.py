"""The README does what it says: its Python runs, its table and links are right."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from livn_gym.envs.registration import register_all
from livn_gym.system import predefined_config

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


PYTHON = blocks("python")


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [pytest.param(n, marks=pytest.mark.needs("rl") if "sb3" in PYTHON[n] else ()) for n in range(len(PYTHON))],
)
def test_python_blocks_run_in_a_new_process(number, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PYTHON[number]], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout, "a block shows something"


def test_the_table_lists_every_culture_with_its_size_and_every_task_has_a_line():
    rows = dict(re.findall(r"^\| `(livn/[^`]+)` \| (.*) \|$", README, flags=re.MULTILINE))
    assert list(rows) == [env_id for env_id in register_all() if env_id.count("-") == 1]
    words = {env_id.split("-")[1] for env_id in register_all() if env_id.count("-") == 2}
    assert all(f"`{word}`" in README for word in words)
    for env_id, cells in rows.items():
        config = predefined_config(env_id.removeprefix("livn/").partition("-")[0])
        neurons, channels, area, _ = cells.split(" | ")
        assert neurons == f"{config.populations[-1].stop:,}"
        assert channels == f"{config.electrodes.rows * config.electrodes.columns:,}"
        assert area == f"{config.area.width_um:g} x {config.area.height_um:g}"


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
)
def test_links_to_files_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    missing = []
    for target in targets:
        name, _, heading = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M) if heading else []
        slugs = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings]
        if not path.exists() or (heading and heading not in slugs):
            missing.append(target)
    assert not missing
