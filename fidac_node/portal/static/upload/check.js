/**
 * The sealed workers: as many as there are cores, at least two, each fed one file at a time.
 *
 * A worker that died, ran out of memory or does not answer is replaced, and the file that it had is tried once more; the
 * second time it is told of the file.
 */

const SCRIPT = new URL("./worker.js", import.meta.url).href;
const FEWEST = 2;
const MOST = 4;
// Milliseconds that a worker may take for a file, and for each of its bytes.
const PATIENCE = 120_000;
const PER_BYTE = 0.001;
const BOOTS = 3;

const policy = globalThis.trustedTypes?.createPolicy("fidac-worker", {
  createScriptURL(address) {
    if (address !== SCRIPT) throw new TypeError("no other script runs beside this page");
    return address;
  },
});

/** One worker, which does one thing after the other. */
class Hand {
  #worker = new Worker(policy?.createScriptURL(SCRIPT) ?? SCRIPT, { type: "module" });
  #last = Promise.resolve();

  /** Return what the worker answers; `{kind: "failed"}` when it died or takes longer than `patience` (milliseconds). */
  ask(message, patience = PATIENCE) {
    this.#last = this.#last.then(() => this.#ask(message, patience));
    return this.#last;
  }

  #ask(message, patience) {
    return new Promise((resolve) => {
      const answered = (answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      const failed = (text) => answered({ kind: "failed", id: message.id, text });
      const timer = setTimeout(failed, patience, "it does not answer");
      this.#worker.onmessage = ({ data }) => answered(data);
      this.#worker.onerror = this.#worker.onmessageerror = (event) => {
        event.preventDefault();
        failed(event.message || "it stopped");
      };
      this.#worker.postMessage(message);
    });
  }

  end() {
    this.#worker.terminate();
  }
}

/** It cannot go on: the workers do not start, or do not take the key. `about` says what was asked of them. */
export class NoWorkers extends Error {
  constructor({ text = "closed", about = "" } = {}) {
    super(text);
    this.about = about;
  }
}

export class Pool {
  #boot;
  #key = null;
  #hands = new Set();
  #urgent = [];
  #tasks = [];
  #idle = [];
  #closed = false;

  /** @param {object} boot what each worker is started with: files and plan */
  constructor(boot) {
    this.#boot = boot;
  }

  /** Start the workers; the first one alone, whose memory the others begin with. Throws {@link NoWorkers}. */
  async start(size = Math.min(MOST, Math.max(FEWEST, navigator.hardwareConcurrency ?? FEWEST))) {
    const first = new Hand();
    const ready = await first.ask({ kind: "boot", keep: true, ...this.#boot });
    if (ready.kind !== "ready") {
      first.end();
      throw new NoWorkers(ready);
    }
    Object.assign(this.#boot, { snapshot: ready.snapshot, module: ready.module });
    this.#hands.add(first);
    this.#serve(first);
    for (let n = 1; n < size; n++) this.#serve();
  }

  /**
   * Let all workers, of now and of later, work with a key; returns its check value.
   *
   * @param {object} key `use-key` or `unwrap-key`, as the worker takes them. Throws {@link NoWorkers} when it is none.
   */
  async use(key) {
    const [first, ...others] = this.#hands;
    const answer = await first.ask(key);
    if (answer.kind === "failed") throw new NoWorkers(answer);
    this.#key = key;
    await Promise.all(others.map((hand) => hand.ask(key)));
    return answer.check_value;
  }

  /** Have one worker do something with the key: `make-key`, `wrap-key`. Throws {@link NoWorkers}. */
  async keep(message) {
    const answer = await [...this.#hands][0].ask(message);
    if (answer.kind === "failed") throw new NoWorkers(answer);
    return answer;
  }

  /**
   * Have a worker do something with a file; `urgent` goes before what waits.
   *
   * @param {object} message @param {import("./files.js").Item} item
   */
  ask(message, item, { urgent = false } = {}) {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new NoWorkers());
      (urgent ? this.#urgent : this.#tasks).push({ message, item, resolve, reject, tries: 0 });
      this.#idle.shift()?.();
    });
  }

  /** End the workers; what waits is not done. */
  close() {
    this.#closed = true;
    for (const task of [...this.#urgent.splice(0), ...this.#tasks.splice(0)]) task.reject(new NoWorkers());
    for (const wake of this.#idle.splice(0)) wake();
  }

  async #serve(hand) {
    try {
      hand ??= await this.#booted();
      for (let task; (task = await this.#next()); ) {
        const answer = await tried(hand, task);
        if (answer.kind !== "failed") task.resolve(answer);
        else {
          this.#end(hand);
          if (task.tries++) task.resolve(answer);
          else this.#urgent.unshift(task);
          hand = await this.#booted();
        }
      }
      this.#end(hand);
    } catch {
      this.close();
    }
  }

  async #next() {
    for (;;) {
      if (this.#closed) return null;
      const task = this.#urgent.shift() ?? this.#tasks.shift();
      if (task) return task;
      await new Promise((wake) => this.#idle.push(wake));
    }
  }

  async #booted() {
    for (let left = BOOTS; left && !this.#closed; left--) {
      const hand = new Hand();
      const ready = await hand.ask({ kind: "boot", ...this.#boot });
      if (ready.kind === "ready") {
        this.#hands.add(hand);
        if (!this.#key || (await hand.ask(this.#key)).kind !== "failed") return hand;
      }
      this.#end(hand);
    }
    throw new NoWorkers();
  }

  #end(hand) {
    this.#hands.delete(hand);
    hand.end();
  }
}

/** @returns {Promise<object>} the worker's answer; `held` `unreadable` when the browser cannot reach the file any more */
async function tried(hand, { message, item }) {
  let file;
  try {
    file = await item.open();
  } catch {
    return { kind: "held", code: "unreadable", text: "" };
  }
  const asked = { ...message, file, packed: item.packed, size: item.size, name: item.path };
  return hand.ask(asked, PATIENCE + item.size * PER_BYTE);
}
