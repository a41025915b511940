/**
 * De-identify with the labels that were chosen, and send: three objects at a time, at most eight on their way from the
 * workers to the hub. Before an object is sent the hub is asked whether it has it, so that nothing goes twice, whatever
 * happened before: a line that was cut, a tab that was closed.
 */

import { Refused } from "./hub.js";

const ABREAST = 3;
const ON_THEIR_WAY = 8;
// What happened lately says how fast it is; before, another line may have been in use.
const LATELY = 10_000;

/**
 * One object to send, of a study by its new UID. @typedef {{item: import("./files.js").Item, study: string, label: string}} Parcel
 */

/**
 * Send them all.
 *
 * @param {import("./hub.js").Hub} hub
 * @param {import("./check.js").Pool} pool
 * @param {Parcel[]} parcels
 * @param {Progress} progress what became of each is noted there
 * @param {(progress: Progress) => void} tell hears of each step. Throws when it cannot go on: {@link Refused}, `NoWorkers`.
 */
export async function send(hub, pool, parcels, progress, tell) {
  const room = new Room(ON_THEIR_WAY);
  const [finished, outgoing] = [new Line(), new Line()];

  function done(parcel, became) {
    progress.note(parcel, became);
    room.leave();
    tell(progress);
  }

  async function deidentify() {
    const under_way = new Set();
    for (const parcel of parcels) {
      await room.enter();
      if (finished.closed) break;
      const one = pool.ask({ kind: "deidentify", label: parcel.label, label_source: "portal" }, parcel.item).then((answer) => {
        under_way.delete(one);
        if (answer.kind === "done") finished.push({ parcel, sha256: answer.sha256, blob: answer.blob });
        else done(parcel, { held: answer.code ?? "failed" });
      });
      one.catch(() => finished.close());
      under_way.add(one);
    }
    await Promise.all(under_way);
    finished.close();
  }

  async function ask() {
    for (let some; (some = await finished.takeAll()); ) {
      const missing = await hub.missing(some.map(({ sha256 }) => sha256));
      for (const { parcel, sha256, blob } of some) {
        if (missing.has(sha256)) outgoing.push({ parcel, sha256, blob });
        else done(parcel, { sha256, bytes: 0 });
      }
    }
    outgoing.close();
  }

  async function put() {
    for (let one; (one = await outgoing.take()); ) {
      const { parcel, sha256, blob } = one;
      try {
        await hub.put(sha256, blob);
        done(parcel, { sha256, bytes: blob.size });
      } catch (error) {
        if (!(error instanceof Refused) || [401, 403].includes(error.status)) throw error;
        done(parcel, { refused: error });
      }
    }
  }

  try {
    await Promise.all([deidentify(), ask(), ...Array.from({ length: ABREAST }, put)]);
  } finally {
    for (const line of [finished, outgoing]) line.close();
    room.open();
  }
}

/** How far it is: what is at the hub, what stays here, how fast it goes. */
export class Progress {
  #lately = [];

  constructor(total) {
    this.total = total;
    this.sent = 0;
    this.there = 0; // were at the hub before
    this.bytes = 0;
    this.objects = new Map(); // parcels by the SHA-256 of what they became
    this.held = []; // [parcel, code]
    this.refused = []; // [parcel, error]
  }

  get done() {
    return this.objects.size + this.held.length + this.refused.length;
  }

  /** Write down what became of one. */
  note(parcel, { sha256, bytes = 0, held, refused }) {
    if (sha256) this.objects.set(sha256, parcel);
    if (sha256 && bytes) this.sent += 1;
    else if (sha256) this.there += 1;
    if (held) this.held.push([parcel, held]);
    if (refused) this.refused.push([parcel, refused]);
    this.bytes += bytes;
    this.#lately.push([performance.now(), bytes]);
  }

  /** Objects and bytes a second within the last ten seconds, and the seconds that are left (NaN before anything is known). */
  pace() {
    const now = performance.now();
    while (this.#lately.length > 2 && now - this.#lately[0][0] > LATELY) this.#lately.shift();
    const seconds = (now - (this.#lately[0]?.[0] ?? now)) / 1000;
    const objects = this.#lately.length / seconds;
    const bytes = this.#lately.reduce((sum, [, some]) => sum + some, 0) / seconds;
    return { objects, bytes, left: (this.total - this.done) / objects };
  }
}

/** How many may be on their way at once. */
class Room {
  #waiting = [];

  constructor(seats) {
    this.seats = seats;
  }

  async enter() {
    while (this.seats <= 0) await new Promise((wake) => this.#waiting.push(wake));
    this.seats -= 1;
  }

  leave() {
    this.seats += 1;
    this.#waiting.shift()?.();
  }

  /** Let everybody in: it is over. */
  open() {
    this.seats = Infinity;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** A queue; `take` and `takeAll` wait, and return nothing when it is closed and empty. */
class Line {
  #items = [];
  #waiting = [];
  closed = false;

  push(item) {
    this.#items.push(item);
    this.#waiting.shift()?.();
  }

  close() {
    this.closed = true;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async take() {
    await this.#filled();
    return this.#items.shift();
  }

  async takeAll() {
    await this.#filled();
    return this.#items.length ? this.#items.splice(0) : null;
  }

  async #filled() {
    while (!this.#items.length && !this.closed) await new Promise((wake) => this.#waiting.push(wake));
  }
}
