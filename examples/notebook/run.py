"""Runs the cells of a notebook one after the other, as Jupyter does: the value of a cell's last line is shown."""

import ast
import json
import os
from pathlib import Path

here = Path(__file__).resolve().parent
os.chdir(here)
names = {}
for cell in json.loads((here / "system.ipynb").read_text())["cells"]:
    if cell["cell_type"] != "code":
        continue
    lines = ast.parse("".join(cell["source"])).body
    last = lines.pop() if isinstance(lines[-1], ast.Expr) else None
    exec(compile(ast.Module(lines, []), "<cell>", "exec"), names)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
        if value is not None:
            print(value)
