// The lines of an agent's program in Node, and the answers to its pings. One file without any package; what the lines
// mean is in specs/commands.md.
//
//     const osb = require("./osb.cjs");
//
//     osb.run({
//       message: ({ message }) => osb.say({ type: "send", alias: "out", message: 2 * message }),
//       call: ({ id }) => osb.say({ type: "reply", id, message: "done" }),
//       stop: () => process.exit(0),
//     });
//
// `run` says that the program is ready. From then on a function of that name handles each word of the agent; words come
// in order, one at a time. An error that a handler throws ends the program.
//
// A worker thread reads the agent's words and answers its pings, also while the event loop of the program is blocked: a
// program that computes is told from one that was stopped. With each ping the worker asks the loop for a turn. A loop
// that takes none is busy, and the worker says for how long, wherever it computes: in a handler, a timer or after an
// `await`. A loop that waits for something is not busy. A handler that never ends is busy for ever: `max_busy` in the
// topology's `health` says how long that may be.
//
// A message may be a Buffer or another Uint8Array, or have some in it. They come as Buffers, all messages of raw sockets too. Where
// the agent offers it, they travel as they are, behind the lines, and not as base64.
//
// Say words by `say` only, and do not read `process.stdin`. `console.log` prints, as ever. Numbers that arrive are those of
// JavaScript: an integer beyond 2^53 loses digits, so let it come as text.
"use strict";

const fs = require("node:fs");
const net = require("node:net");
const { isMainThread, parentPort, workerData, Worker } = require("node:worker_threads");

// How many words the worker reads ahead of the program, how many characters, and how often it says that the program
// lives when it may read no further, in milliseconds.
const [WORDS, SIZE, INTERVAL] = [100, 1 << 20, 2000];
// A loop that takes no turn for so long is busy, in milliseconds.
const BUSY = 200;
// The longest line that the agent reads, and the longest frame, in bytes.
const LONGEST = 16 << 20;
// Who writes holds this; the other thread waits.
const FREE = 0;
const TAKEN = 1;

// A way of its own to the pipe, which is not set to return at once when something else here sets descriptor 1 to that.
function open(descriptor, flags) {
  try {
    const isPipe = fs.fstatSync(descriptor).isFIFO();
    return isPipe ? fs.openSync(`/proc/self/fd/${descriptor}`, flags) : descriptor;
  } catch {
    return descriptor;
  }
}

const lock = isMainThread ? new Int32Array(new SharedArrayBuffer(4)) : workerData.lock;
const output = isMainThread ? open(1, fs.constants.O_WRONLY) : workerData.output;

// Writes a line, and bytes behind it.
function write(text, frame = []) {
  const line = Buffer.from(text);
  for (const [what, length] of [["line", line.length], ["frame", lengthOf(frame)]]) {
    if (length > LONGEST) throw new RangeError(`a ${what} of ${length} bytes: the agent reads ${LONGEST} at most`);
  }
  const parts = frame.length === 0 ? [line] : [line, ...frame, Buffer.from("\n")];
  while (Atomics.compareExchange(lock, 0, FREE, TAKEN) === TAKEN) Atomics.wait(lock, 0, TAKEN);
  try {
    for (const part of parts) {
      for (let done = 0; done < part.length; ) done += fs.writeSync(output, part, done);
    }
  } finally {
    Atomics.store(lock, 0, FREE);
    Atomics.notify(lock, 0);
  }
}

function lengthOf(frame) {
  return frame.reduce((sum, part) => sum + part.length, 0);
}

// The agent has offered that bytes travel behind lines, and the program has said that they are to.
let framed = false;
// Sockets by which all is bytes.
let raw = [];
// Words that may have bytes behind them.
const FRAMED = ["send", "reply", "request"];

// Says a word to the agent. What JSON would make something else of is an error here.
function say(word) {
  const frame = framed && FRAMED.includes(word.type) ? [] : null;
  const line = JSON.stringify(lift(word, frame), exact);
  if (frame === null || frame.length === 0) write(line + "\n");
  else write(`${line.slice(0, -1)},"bytes":${lengthOf(frame)}}\n`, frame);
}

// The value with objects instead of bytes, which are added to the frame if there is one.
function lift(value, frame) {
  if (value instanceof Uint8Array) {
    if (frame === null) return { $base64: Buffer.from(value).toString("base64") };
    const start = lengthOf(frame);
    frame.push(value);
    return { $bytes: [start, start + value.length] };
  }
  if (Array.isArray(value)) return value.map((item) => lift(item, frame));
  if (value === null || typeof value !== "object" || typeof value.toJSON === "function") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, lift(item, frame)]));
}

// The word of a line and the frame behind it.
function parse(line, frame) {
  if (frame === null && !line.includes('"$base64"')) return JSON.parse(line);
  const word = JSON.parse(line, (_, value) => {
    if (value === null || typeof value !== "object" || Object.keys(value).length !== 1) return value;
    if (frame !== null && Array.isArray(value.$bytes)) return frame.subarray(...value.$bytes);
    return typeof value.$base64 === "string" ? Buffer.from(value.$base64, "base64") : value;
  });
  if (frame !== null) {
    if (!Object.hasOwn(word, "message")) word.message = frame;
    delete word.bytes;
  }
  return word;
}

function exact(key, value) {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RangeError(`${key}: JSON has no NaN and no infinity`);
  }
  return value;
}

// What waits for replies, by the ids of its words.
const asked = new Map();
let last = 0;

// Says a word with an id of its own, and gives a promise of the reply:
//
//     await osb.ask({ type: "spawn", name: "W1", command: ["node", "worker.cjs"], connect: { tasks: "Boss.tasks" } });
//     const agents = await osb.ask({ type: "agents" });
function ask(word) {
  const id = `osb-${(last += 1)}`;
  return new Promise((resolve, reject) => {
    say({ ...word, id });
    asked.set(id, { resolve, reject });
  });
}

// Whether the word is the reply to such a one.
function settle(word) {
  const waiting = word.type === "reply" ? asked.get(word.id) : undefined;
  if (waiting === undefined) return false;
  asked.delete(word.id);
  if (Object.hasOwn(word, "error")) waiting.reject(new Error(word.error));
  else waiting.resolve(word.message);
  return true;
}

// Says that the program is ready, and hands each word of the agent to its handler, to the end.
function run(handlers) {
  const reader = new Worker(__filename, { workerData: { lock, output }, stdin: false });
  reader.on("error", (error) => {
    throw error;
  });
  reader.on("message", (given) => {
    try {
      if (given === null) return;
      const word = parse(given.line, given.frame && Buffer.from(given.frame.buffer));
      if (word.type === "start" && word.frames && !framed) {
        say({ type: "frames" });
        framed = true;
        raw = Object.keys(word.serializers).filter((alias) => word.serializers[alias] === "raw");
      }
      // It came before the agent had read that bytes are to come as they are.
      if (raw.includes(word.alias) && typeof word.message === "string") word.message = Buffer.from(word.message);
      if (!settle(word) && Object.hasOwn(handlers, word.type)) handlers[word.type](word);
    } finally {
      reader.postMessage(given === null ? 0 : given.size);
    }
  });
  say({ type: "ready", pings: true });
}

// The worker's side.
function read() {
  // What the loop has been given and has not done yet, and since when it owes a turn.
  let [words, size, owed, since] = [0, 0, 0, 0];
  let [late, full] = [null, null];
  const input = stream(open(0, fs.constants.O_RDONLY));

  function give(given, transferred) {
    if (owed === 0) since = performance.now();
    owed += 1;
    parentPort.postMessage(given, transferred);
  }

  function pong() {
    clearTimeout(late);
    late = null;
    const past = owed === 0 ? 0 : Math.floor(performance.now() - since);
    const busy = past < BUSY ? {} : { busy: `${past}ms` };
    try {
      // On a line of its own, also if the program is printing one.
      write("\n" + JSON.stringify({ type: "pong", ...busy }) + "\n");
    } catch {
      // The agent has gone, and the end of its words is next.
    }
  }

  function ping() {
    if (owed === 0) give(null);
    late ??= setTimeout(pong, Math.max(0, BUSY - (performance.now() - since)));
  }

  // The loop has done something.
  parentPort.on("message", (length) => {
    const wasBusy = performance.now() - since >= BUSY;
    owed -= 1;
    since = performance.now();
    if (length > 0) {
      words -= 1;
      size -= length;
    }
    if (late !== null || wasBusy) pong();
    if (full !== null && words < WORDS && size < SIZE) {
      clearInterval(full);
      full = null;
      input.resume();
    }
  });

  function take(line, frame) {
    if (line.startsWith('{"type":"ping"')) return ping();
    if (line === "") return;
    const length = line.length + (frame?.length ?? 0);
    words += 1;
    size += length;
    give({ line, frame, size: length }, frame === null ? [] : [frame.buffer]);
  }

  const lines = new Lines(take);
  input.on("data", (chunk) => {
    lines.push(chunk);
    if (full === null && (words >= WORDS || size >= SIZE)) {
      input.pause();
      full = setInterval(pong, INTERVAL);
    }
  });
  input.on("end", () => {
    clearInterval(full);
    parentPort.close();
  });
}

// Lines out of chunks of bytes, each with the frame behind it, or null.
class Lines {
  // Of a line or a frame that is not whole.
  #parts = [];
  #missing = 0;
  // The line that has announced a frame.
  #announces = null;
  #take;

  constructor(take) {
    this.#take = take;
  }

  push(chunk) {
    for (let at = 0; at < chunk.length; ) {
      const inFrame = this.#missing > 0;
      const end = inFrame ? Math.min(chunk.length, at + this.#missing) : chunk.indexOf(10, at);
      const part = chunk.subarray(at, end < 0 ? chunk.length : end);
      at += part.length;
      if (inFrame) {
        this.#parts.push(part);
        this.#missing -= part.length;
      } else if (end < 0) {
        this.#parts.push(part);
      } else {
        at += 1;
        this.#end(part);
      }
    }
  }

  // A line ends with this part, or a frame has ended before it.
  #end(part) {
    const parts = this.#parts;
    this.#parts = [];
    if (this.#announces !== null) {
      const line = this.#announces;
      this.#announces = null;
      return this.#take(line, whole(parts));
    }
    const line = parts.length === 0 ? part.toString() : whole([...parts, part]).toString();
    // The agent writes how long the frame is at the end of the line.
    const bytes = /,"bytes":([0-9]+)\}$/.exec(line);
    if (bytes === null) return this.#take(line, null);
    this.#announces = line;
    this.#missing = Number(bytes[1]);
  }
}

// The parts together, in memory that nothing else is in: it can be handed to another thread.
function whole(parts) {
  const all = Buffer.allocUnsafeSlow(lengthOf(parts));
  parts.reduce((at, part) => at + part.copy(all, at), 0);
  return all;
}

// A pipe is waited for; a file, for trials by hand, is read.
function stream(descriptor) {
  const isFile = fs.fstatSync(descriptor).isFile();
  return isFile ? fs.createReadStream(null, { fd: descriptor }) : new net.Socket({ fd: descriptor, writable: false });
}

if (isMainThread) module.exports = { ask, run, say };
else read();
