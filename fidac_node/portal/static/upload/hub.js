/**
 * The hub, as this page talks to it: nothing but de-identified objects, their digests, and what a person chose.
 *
 * Whatever may pass by itself is waited for and told: a dropped line, a closed lid, a hub that is busy (429, 503) or full
 * (507). A session that expired waits for a person to sign in again. All else is an {@link Refused}.
 */

// Seconds between tries when the hub does not say when to come again.
const PAUSES = [1, 2, 5, 10, 20, 30];
const ASK_AGAIN = 1;
const PATIENCE = 60_000;
const SLOWEST_BYTES_A_SECOND = 10_000;
const BUSY = new Map([
  [408, "line"],
  [429, "busy"],
  [502, "busy"],
  [503, "busy"],
  [504, "busy"],
  [507, "full"],
]);

/** The hub said no for good: `status`, and `reason` and message in its own words. */
export class Refused extends Error {
  constructor(status, body = {}) {
    super(body.message ?? `HTTP ${status}`);
    this.status = status;
    this.reason = body.reason ?? "";
  }
}

export class Hub {
  #tell;
  #open;
  #session = "";
  #waiting = null;
  #token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

  /**
   * @param {(trouble: {kind: "" | "line" | "busy" | "full" | "signed-out", seconds?: number}) => void} tell hears what is
   *   waited for, and `""` when it goes on
   * @param {object} opening what a session is opened with
   */
  constructor(tell, opening) {
    this.#tell = tell;
    this.#open = opening;
  }

  /** Open a session. Throws {@link Refused}, with `reason` `other-key` for another key than the site's. */
  async open() {
    this.#session = (await this.#json("POST", "/upload/sessions", this.#open)).session;
  }

  /** Those of these digests whose objects the hub has not. @returns {Promise<Set<string>>} */
  async missing(digests) {
    return new Set(await this.#inSession("POST", "missing", JSON.stringify(digests)));
  }

  /** Send one object under its SHA-256 (hexadecimal); again is the same as once. */
  async put(sha256, blob) {
    const digest = btoa(String.fromCharCode(...sha256.match(/../g).map((two) => parseInt(two, 16))));
    const headers = { "Content-Type": "application/dicom", "Content-Digest": `sha-256=:${digest}:` };
    return this.#inSession("PUT", `objects/${sha256}`, blob, headers);
  }

  /**
   * Tell the hub that all is sent, and wait until it has filed everything.
   *
   * @returns {Promise<object>} its receipt; without `receipt` where it has not got some of the objects any more
   */
  async complete(summary) {
    for (;;) {
      const said = await this.#inSession("POST", "complete", JSON.stringify(summary));
      if (said.receipt || said.others?.some(({ reason }) => reason === "missing")) return said;
      await wait(ASK_AGAIN);
    }
  }

  /** Go on now: the line is back, or somebody has signed in. */
  retry() {
    this.#waiting?.end();
  }

  async #inSession(method, path, body, headers) {
    const session = this.#session;
    const ask = () => this.#ask(method, `/upload/sessions/${this.#session}/${path}`, body, headers);
    try {
      return await ask();
    } catch (error) {
      // The hub has forgotten the session: another one takes over, and what was sent is there.
      if (!(error instanceof Refused && [404, 410].includes(error.status))) throw error;
      if (session === this.#session) await this.open();
      return ask();
    }
  }

  #json(method, path, body) {
    return this.#ask(method, path, JSON.stringify(body));
  }

  async #ask(method, path, body, headers = { "Content-Type": "application/json" }) {
    for (let tries = 0; ; tries++) {
      await this.#waiting?.over;
      const token = this.#token;
      const answer = await this.#tried(method, path, body, headers);
      if (answer.ok) return answer.said;
      const trouble = troubleOf(answer);
      if (trouble === "signed-out" || answer.status === 403) {
        // It was asked before somebody signed in again: with the token of now it is another question.
        if (token !== this.#token || (!tries && (await this.#renew()))) continue;
      }
      if (!trouble) throw new Refused(answer.status, answer.said);
      await this.#wait(trouble, after(answer) || PAUSES[Math.min(tries, PAUSES.length - 1)]);
    }
  }

  /** One request and what was said to it; a line that is cut, even within the answer, is an answer without a status. */
  async #tried(method, path, body, headers) {
    const signal = AbortSignal.timeout(PATIENCE + ((body?.size ?? 0) / SLOWEST_BYTES_A_SECOND) * 1000);
    const options = { method, body, redirect: "manual", signal, headers: { ...headers, "X-CSRF-Token": this.#token } };
    try {
      const answer = await fetch(path, options);
      const said = answer.ok ? await answer.json() : await answer.json().catch(() => ({}));
      return { ok: answer.ok, status: answer.status, type: answer.type, headers: answer.headers, said };
    } catch {
      return { ok: false, status: 0, type: "cut" };
    }
  }

  /** All requests wait for the same, and whoever meets it first tells. */
  #wait(trouble, seconds) {
    this.#waiting ??= this.#pause(trouble, seconds);
    return this.#waiting.over;
  }

  #pause(trouble, seconds) {
    const { end, over } = until(trouble === "signed-out" ? 0 : seconds);
    this.#tell({ kind: trouble, seconds });
    const goes_on = async () => {
      await over;
      if (trouble === "signed-out") await this.#renew();
      this.#waiting = null;
      this.#tell({ kind: "" });
    };
    return { end, over: goes_on() };
  }

  /** Take the token of the session that somebody has signed in to, from the page itself; whether it is another one. */
  #renew() {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest(); // parses a page without a sink of Trusted Types
      request.responseType = "document";
      request.onloadend = () => {
        const token = request.response?.querySelector('meta[name="csrf-token"]')?.content;
        const isNew = Boolean(token) && token !== this.#token;
        if (isNew) this.#token = token;
        resolve(isNew);
      };
      request.open("GET", location.pathname);
      request.send();
    });
  }
}

/** What may pass by itself, or by signing in; `""` for what will not. */
function troubleOf({ type, status }) {
  if (type === "cut") return "line";
  if (type === "opaqueredirect" || status === 401) return "signed-out";
  return BUSY.get(status) ?? "";
}

function after(answer) {
  const seconds = Number(answer.headers?.get("retry-after"));
  return Number.isFinite(seconds) ? Math.min(seconds, 600) : 0;
}

/** Something to wait for: for so many seconds (0: as long as it takes), until the line is back, or until it is ended. */
function until(seconds) {
  let end;
  const over = new Promise((resolve) => {
    end = resolve;
  });
  const timer = seconds ? setTimeout(end, seconds * 1000) : 0;
  addEventListener("online", end, { once: true });
  return { end, over: over.then(() => clearTimeout(timer)) };
}

const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
