"""Pictures of every page and state, in light, dark, Chinese and on a phone, into the ignored folder screenshots/.

python tests/browser/screenshots.py [name …] [--looks light,dark]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from console_server import serving
from driver import LOOKS, chromium, page_in
from pages import VIEWS, show

FOLDER = Path(__file__).parents[2] / "screenshots"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only views whose name begins so")
    parser.add_argument("--looks", default=",".join(look.name for look in LOOKS))
    wanted = parser.parse_args()
    views = [view for view in VIEWS if not wanted.names or view.name.startswith(tuple(wanted.names))]
    looks = [look for look in LOOKS if look.name in wanted.looks.split(",")]
    FOLDER.mkdir(exist_ok=True)
    with serving() as url, chromium() as browser:
        for look in looks:
            for view in views:
                with page_in(browser, url, look, view.state) as page:
                    try:
                        show(page, view)
                    except Exception as error:  # a view that does not come up is pictured as it is
                        print(f"{view.name} ({look.name}): {str(error).splitlines()[0]}")
                    page.screenshot(path=FOLDER / f"{view.name}.{look.name}.png")
                    for fault in page.faults:  # type: ignore[attr-defined]
                        if "status of" not in fault:
                            print(f"{view.name} ({look.name}): {fault[:200]}")
    print(f"{len(views) * len(looks)} pictures in {FOLDER}")


if __name__ == "__main__":
    main()
