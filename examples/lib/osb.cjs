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
// The longest line that the agent reads, in bytes.
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

function write(text) {
  const bytes = Buffer.from(text);
  if (bytes.length > LONGEST) {
    throw new RangeError(`a line of ${bytes.length} bytes: the agent reads ${LONGEST} at most`);
  }
  while (Atomics.compareExchange(lock, 0, FREE, TAKEN) === TAKEN) Atomics.wait(lock, 0, TAKEN);
  try {
    for (let done = 0; done < bytes.length; ) done += fs.writeSync(output, bytes, done);
  } finally {
    Atomics.store(lock, 0, FREE);
    Atomics.notify(lock, 0);
  }
}

// Says a word to the agent. What JSON would make something else of is an error here.
function say(word) {
  write(JSON.stringify(word, exact) + "\n");
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
  reader.on("message", (line) => {
    try {
      if (line === null) return;
      const word = JSON.parse(line);
      if (!settle(word) && Object.hasOwn(handlers, word.type)) handlers[word.type](word);
    } finally {
      reader.postMessage(line === null ? 0 : line.length);
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

  function give(line) {
    if (owed === 0) since = performance.now();
    owed += 1;
    parentPort.postMessage(line);
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

  function take(line) {
    if (line.startsWith('{"type":"ping"')) return ping();
    if (line === "") return;
    words += 1;
    size += line.length;
    give(line);
  }

  let parts = [];
  input.setEncoding("utf8");
  input.on("data", (chunk) => {
    const [first, ...others] = chunk.split("\n");
    parts.push(first);
    for (const other of others) {
      take(parts.join(""));
      parts = [other];
    }
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

// A pipe is waited for; a file, for trials by hand, is read.
function stream(descriptor) {
  const isFile = fs.fstatSync(descriptor).isFile();
  return isFile ? fs.createReadStream(null, { fd: descriptor }) : new net.Socket({ fd: descriptor, writable: false });
}

if (isMainThread) module.exports = { ask, run, say };
else read();
