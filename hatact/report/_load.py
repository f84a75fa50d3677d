"""Reading results.json back, with a plain word where that cannot be done."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hatact.claims.engine.results import FORMAT
from hatact.report import _schema
from hatact.report._checks import short

VERSION = re.compile(r"[\w.!+-]{1,40}")


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


def _writer(results: Any) -> str:
    """Whose the file is, if it says so in a version that reads like one."""
    environment = results.get("environment") if isinstance(results, dict) else None
    version = environment.get("hatact") if isinstance(environment, dict) else None
    known = isinstance(version, str) and VERSION.fullmatch(version)
    return f"hatact {version}" if known else ""
