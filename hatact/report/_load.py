"""Reading results.json back, with a plain word where that cannot be done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import hatact
from hatact.claims.engine.results import FORMAT
from hatact.report import _schema
from hatact.report._checks import short

VERSION = re.compile(r"[\w.!+-]{1,40}")
UNREADABLE = "unreadable"


def load(path: Path) -> Mapping[str, Any]:
    """The results that `hatact verify` wrote to `path`.

    ValueError, on one line, if there is no such file, if it is not JSON, if its format is not
    FORMAT, or if what it holds is not of that format; the report can show whatever this returns.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(
            f"results must be a file that can be read; got {path} ({error.strerror})"
        ) from None
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    except RecursionError:
        raise ValueError(f"{path} is not JSON that can be read: it is nested too deep") from None
    again = f"this hatact reads format {FORMAT}: run `hatact verify` again"
    by = _writer(results)
    if not isinstance(results, dict) or "format" not in results:
        by = f" (written by {by})" if by else ""
        raise ValueError(f'{path} has no "format"{by}; {again}')
    if results["format"] != FORMAT:
        by = f" by {by}" if by else ""
        raise ValueError(f"{path} was written in format {short(results['format'])}{by}; {again}")
    try:
        _schema.check(results)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return results


def keep_aside(path: Path, notice: Callable[[str], None]) -> None:
    """Rename results of another version, or that cannot be read: they are not to be overwritten."""
    try:
        mark = _other(json.loads(path.read_text(encoding="utf-8")))
        if mark is None:
            load(path)
    except FileNotFoundError:
        return
    except (ValueError, RecursionError):
        mark = UNREADABLE
    if mark is None:
        return
    kept, n = path.with_name(f"results-{mark}.json"), 1
    while kept.exists():
        n += 1
        kept = path.with_name(f"results-{mark}-{n}.json")
    path.rename(kept)
    notice(f"{path.name} was written by another version or cannot be read: kept as {kept.name}")


def _other(data: Any) -> str | None:
    """What to call results by if they are not this version's; of signs that any file may have."""
    version = _version(data)
    if not isinstance(version, str) or not isinstance(data.get("format", 1), int | str):
        return UNREADABLE
    if data.get("format") == FORMAT and version == hatact.__version__:
        return None
    mark = f"{version[:40]}-format-{str(data.get('format', 1))[:10]}"
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", mark)


def _version(data: Any) -> Any:
    environment = data.get("environment") if isinstance(data, dict) else None
    return environment.get("hatact") if isinstance(environment, dict) else None


def _writer(results: Any) -> str:
    """Whose the file is, if it says so in a version that reads like one."""
    version = _version(results)
    known = isinstance(version, str) and VERSION.fullmatch(version)
    return f"hatact {version}" if known else ""
