#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`man ho_sock_listen` finds the page that has it: a link for each name of an installed page.  Run by `meson install`.
Argument: the manual's directory below the prefix."""
import os
import pathlib
import re
import sys

pages = pathlib.Path(os.environ["MESON_INSTALL_DESTDIR_PREFIX"]) / sys.argv[1] / "man3"
for page in sorted(pages.glob("ho_*.3")):
    if page.is_symlink():
        continue
    names = page.read_text().split("\n.Nd ")[0]
    for name in re.findall(r"^\.Nm (\w+)", names, re.M):
        if name != page.stem:
            (pages / f"{name}.3").unlink(missing_ok=True)
            (pages / f"{name}.3").symlink_to(page.name)
