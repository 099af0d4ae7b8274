// Doubles numbers, in Node without any package; and says every second how many there were.
const say = (word) => process.stdout.write(JSON.stringify(word) + "\n");
let asked = 0;

const handlers = {
  start: () => say({ type: "timer", every: "1s", call: "tell", alias: "teller" }),
  message: ({ id, message }) => {
    asked += 1;
    typeof message === "number"
      ? say({ type: "reply", id, message: 2 * message })
      : say({ type: "reply", id, error: `${JSON.stringify(message)} is no number` });
  },
  call: ({ id }) => {
    say({ type: "set", attributes: { asked } });
    say({ type: "reply", id, message: asked });
  },
  stop: () => process.exit(0),
};

say({ type: "ready" });
require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const word = JSON.parse(line);
    handlers[word.type]?.(word);
  });
