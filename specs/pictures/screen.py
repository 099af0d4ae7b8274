#!/usr/bin/env python3
"""A picture of what a program shows on a terminal: `screen.py OUT.svg COLUMNS LINES KEYS… -- COMMAND…`.

KEYS are pressed one after the other, a second apart; `+3` waits for three seconds. Reads the few escape sequences that osb writes.
"""

import fcntl
import html
import os
import pty
import re
import select
import struct
import sys
import termios
import time

CELL_W, CELL_H, EDGE = 8.4, 18, 12
COLOURS = {31: "bad", 32: "good", 33: "doubtful"}
# Without variables, which not all that show pictures know.
LIGHT = {"paper": "#fff", "ink": "#1f2328", "good": "#1a7f37", "doubtful": "#9a6700", "bad": "#cf222e"}
DARK = {"paper": "#0d1117", "ink": "#e6edf3", "good": "#3fb950", "doubtful": "#d29922", "bad": "#f85149"}
COLOURED = (
    "rect{{fill:{paper}}}text{{fill:{ink}}}.good{{fill:{good}}}.doubtful{{fill:{doubtful}}}.bad{{fill:{bad}}}"
    "rect.mark{{fill:{ink}}}text.reversed{{fill:{paper}}}"
)
STYLE = (
    'text{font:14px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}'
    ".bold{font-weight:bold}.dim{opacity:.65}.under{text-decoration:underline}"
    + COLOURED.format(**LIGHT)
    + "@media(prefers-color-scheme:dark){"
    + COLOURED.format(**DARK)
    + "}"
)


class Screen:
    """What is shown: of each place a sign and its classes."""

    def __init__(self, columns, lines):
        self.columns, self.lines = columns, lines
        self.rest = ""
        self.style = frozenset()
        self.clear()

    def clear(self):
        self.cells = [[(" ", frozenset())] * self.columns for _ in range(self.lines)]
        self.row = self.column = 0

    def feed(self, text):
        text, self.rest = self.rest + text, ""
        at = 0
        while at < len(text):
            if text[at] != "\x1b":
                self.put(text[at])
                at += 1
                continue
            found = re.match(r"\x1b\[([?\d;]*)([A-Za-z])|\x1b[^\[]", text[at:])
            if found is None:
                self.rest = text[at:]
                return
            if found.group(2):
                self.obey(found.group(1), found.group(2))
            at += found.end()

    def put(self, sign):
        if sign == "\r":
            self.column = 0
        elif sign == "\n":
            self.row = min(self.row + 1, self.lines - 1)
        elif self.row < self.lines and self.column < self.columns:
            self.cells[self.row][self.column] = (sign, self.style)
            self.column += 1

    def obey(self, numbers, word):
        given = [int(it) for it in numbers.split(";") if it.isdigit()]
        if word == "H":
            self.row, self.column = ((given or [1, 1]) + [1])[0] - 1, ((given or [1, 1]) + [1])[1] - 1
        elif word == "J" or (word in "hl" and numbers == "?1049"):
            self.clear()
        elif word == "m":
            while len(given) > 2 and given[:2] == [38, 5]:
                given = [30 + given[2], *given[3:]]
            for number in given or ([] if numbers else [0]):
                self.paint(number)

    def paint(self, number):
        words = {1: "bold", 2: "dim", 4: "under", 7: "reversed"}
        ends = {22: {"bold", "dim"}, 24: {"under"}, 27: {"reversed"}, 39: set(COLOURS.values())}
        if number == 0:
            self.style = frozenset()
        elif number in words:
            self.style |= {words[number]}
        elif number in ends:
            self.style -= ends[number]
        elif number in COLOURS:
            self.style = self.style - set(COLOURS.values()) | {COLOURS[number]}

    def svg(self, title):
        width, height = self.columns * CELL_W + 2 * EDGE, self.lines * CELL_H + 2 * EDGE
        out = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img" aria-label="{html.escape(title)}">',
            f"<title>{html.escape(title)}</title><style>{STYLE}</style>",
            f'<rect width="{width:.0f}" height="{height}" rx="6"/>',
        ]
        for row, cells in enumerate(self.cells):
            start = 0
            while start < self.columns:
                style, end = cells[start][1], start
                while end < self.columns and cells[end][1] == style:
                    end += 1
                out += self.run("".join(it[0] for it in cells[start:end]), style, start, row)
                start = end
        return "\n".join([*out, "</svg>", ""])

    def run(self, text, style, column, row):
        x, y = EDGE + column * CELL_W, EDGE + row * CELL_H
        wide = len(text) * CELL_W
        if "reversed" in style:
            yield f'<rect class="mark" x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{CELL_H}"/>'
            style = {"reversed", *(style & {"bold"})}
        text = text.rstrip() if "reversed" not in style else text
        if text.strip():
            classes = f' class="{" ".join(sorted(style))}"' if style else ""
            long = f' textLength="{len(text) * CELL_W:.1f}" lengthAdjust="spacingAndGlyphs"'
            yield f'<text{classes} x="{x:.1f}" y="{y + 13}" xml:space="preserve"{long}>{html.escape(text)}</text>'


def main(out, columns, lines, *words):
    keys, command = words[: words.index("--")], words[words.index("--") + 1 :]
    screen = Screen(int(columns), int(lines))
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.environ.pop("NO_COLOR", None)
        # The size is set before it is looked at.
        time.sleep(0.2)
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", screen.lines, screen.columns, 0, 0))

    def read_for(seconds):
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([terminal], [], [], left)[0]:
                screen.feed(os.read(terminal, 1 << 16).decode(errors="replace"))

    read_for(4)
    for key in keys:
        if key.startswith("+") and key[1:].isdigit():
            read_for(float(key[1:]))
        else:
            os.write(terminal, key.encode())
            read_for(1)
    with open(out, "w", encoding="utf-8") as file:
        file.write(screen.svg(" ".join(os.path.basename(it) for it in command)))
    os.write(terminal, b"q")
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
