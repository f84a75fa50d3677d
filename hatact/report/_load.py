"""Reading results.json back, with a plain word where that cannot be done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hatact.claims._engine import FORMAT


def load(path: Path) -> Mapping[str, Any]:
    """The results that `hatact verify` wrote to `path`.

    ValueError if there is no such file, if it is not JSON, or if its format is not FORMAT.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(
            f"results must be a file that can be read; got {path} ({error.strerror})"
        ) from None
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    again = f"this hatact reads format {FORMAT}: run `hatact verify` again"
    writer = _writer(results)
    if not isinstance(results, dict) or "format" not in results:
        by = f" (written by {writer})" if writer else ""
        raise ValueError(f'{path} has no "format"{by}; {again}')
    if results["format"] != FORMAT:
        by = f" by {writer}" if writer else ""
        raise ValueError(f"{path} was written in format {results['format']!r}{by}; {again}")
    missing = [
        name for name in ("environment", "asked", "complete", "claims") if name not in results
    ]
    if missing:
        raise ValueError(f"{path} must hold {', '.join(missing)} and does not; {again}")
    return results


def _writer(results: Any) -> str:
    environment = results.get("environment") if isinstance(results, dict) else None
    version = environment.get("hatact") if isinstance(environment, dict) else None
    return f"hatact {version}" if version else ""
