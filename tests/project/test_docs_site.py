"""The documentation site: it builds without a warning, has its pages, and asks no other host for anything."""

import inspect
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import yaml
from matplotlib.image import imread

import livn_gym
from livn_gym import config
from livn_gym.env import Env
from livn_gym.envs import tasks

pytestmark = pytest.mark.needs("docs")

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ("script", "link", "img", "iframe", "source", "video", "audio")
"""Tags whose addresses a browser fetches by itself; what stands in ``a`` is followed by people only."""


def nav_pages(entries):
    for entry in entries:
        for value in entry.values():
            yield from [value] if isinstance(value, str) else nav_pages(value)


CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
PAGES = list(nav_pages(CONFIG["nav"]))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


def html(site, page):
    return (site / page).with_suffix(".html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_page_is_there_with_its_heading(site):
    assert len(PAGES) == len(set(PAGES))
    for page in PAGES:
        heading = re.search(r"<h1[^>]*>(.*?)<", html(site, page), re.DOTALL)
        assert heading and heading.group(1).strip(), page


@pytest.mark.slow
def test_nothing_is_fetched_from_another_host(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(PAGES)  # and the one for what is not found
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert 'class="mermaid"' not in text, f"{path.name}: the theme fetches what draws such diagrams"
        for tag in re.findall(rf"<(?:{'|'.join(ASSETS)})\b[^>]*>", text):
            for address in re.findall(r"""(?:src|href|srcset)=["']?([^"' >]+)""", tag):
                assert not re.match(r"(?:[a-z]+:)?//", address), f"{path.name}: {tag}"
    for path in site.rglob("*.css"):
        addresses = re.findall(r"""(?:url\(|@import)\s*["']?([^"')]+)""", path.read_text(encoding="utf-8"))
        assert not [address for address in addresses if re.match(r"(?:https?:)?//", address)], path.name


@pytest.mark.slow
def test_pictures_are_there(site):
    for path in site.rglob("*.html"):
        for address in re.findall(r"<img[^>]*?src=[\"']?([^\"' >]+)", path.read_text(encoding="utf-8")):
            assert address.startswith("data:") or (path.parent / address).is_file(), f"{path.name}: {address}"


@pytest.mark.slow
def test_the_reference_shows_signatures_and_docstrings(site):
    culture = re.sub(r"<[^>]*>", "", unescape(html(site, "reference/culture.md")))
    first = inspect.getdoc(Env.init).splitlines()[0]
    assert all(name in culture for name in inspect.signature(Env).parameters) and first in culture
    text = re.sub(r"<[^>]*>", "", html(site, "reference/environments.md"))
    assert all(f"livn_gym.envs.tasks.{name}" in text for name in ("rate_tracking.RateTracking", "pong.Pong"))


@pytest.mark.slow
def test_every_task_has_a_picture_and_its_scores(site):
    text = html(site, "tasks.md") + html(site, "tasks-inner.md")
    results = (ROOT / "benchmarks" / "tasks" / "results" / "table.md").read_text(encoding="utf-8")
    for name in tasks.names():
        table = config.load("tasks", name)["registration"]
        system = "EI2" if "EI2" in table["systems"] else "EI3"
        env_id = f"livn/{system}-" + (f"{table['word']}-" if table["word"] else "") + f"v{table['version']}"
        shown = re.search(rf"Returns on <code>{env_id}</code>.*?</table>", text, re.DOTALL)
        cells = re.findall(r"<td[^>]*>(.*?)</td>", unescape(shown.group()).replace("\xa0", " ")) if shown else []
        expected = [line.split("|")[5].strip() for line in results.splitlines() if line.startswith(f"| {env_id} |")]
        assert cells == expected
        assert bool(cells) != (f"The benchmark has no results for <code>{env_id}</code> yet." in text)
        picture = ROOT / "docs" / "images" / f"task-{name.replace('_', '-')}.png"
        assert f"images/{picture.name}" in text and picture.stat().st_size < 60_000


@pytest.mark.slow
def test_a_frame_of_a_task_is_drawn_again_as_it_is_kept(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import task_pictures

    again = imread(task_pictures.draw(tmp_path, "discrimination"))
    kept = imread(ROOT / "docs" / "images" / "task-discrimination.png")
    assert again.shape == kept.shape
    # the same seed, but another processor's rounding may have moved spikes; pictures of other tasks differ in 7 to 10 %
    assert np.mean(np.abs(again - kept).max(axis=-1) > 0.2) < 0.05
    del sys.modules["task_pictures"]


@pytest.mark.slow
def test_links_to_the_repository_are_no_dead_links(site):
    for page in PAGES:
        for address in re.findall(r"<a[^>]*?href=[\"']?([^\"' >]+)", html(site, page)):
            if not re.match(r"[a-z]+:|#", address):
                name = address.partition("#")[0]
                assert ((site / page).parent / name).exists(), f"{page}: {address}"


def test_every_page_of_docs_is_in_the_navigation():
    written = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert written | {"changelog.md", "contributing.md"} == set(PAGES)


def test_no_host_is_claimed_and_the_version_is_not_repeated():
    assert not {"site_url", "repo_url", "edit_uri"} & set(CONFIG)
    assert livn_gym.__version__ not in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
