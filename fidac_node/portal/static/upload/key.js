/**
 * The site's key: made here on first use, saved as a file and printed; later chosen, typed from the sheet of paper, or kept
 * in this browser, encrypted under a passphrase.
 *
 * The page holds files and never their content: the secret is made, read and wrapped in the sealed workers alone. What the
 * browser keeps is what a worker wrapped, and nothing else.
 */

import { NoWorkers } from "./check.js";
import { Refused } from "./hub.js";
import { say } from "./words.js";

const DATABASE = "fidac-upload";
const STORE = "keys";
const SHORTEST_PASSPHRASE = 12;

const $ = (id) => document.getElementById(id);

export class Key {
  #pool;
  #about;
  #ready;
  #made = null;

  /**
   * @param {import("./check.js").Pool} pool
   * @param {{site: string, programme: string}} about whose key it is
   * @param {(checkValue: string) => Promise<void>} ready is called with a key that the workers have taken; throws
   *   {@link Refused} for one that the hub does not take
   */
  constructor(pool, about, ready) {
    this.#pool = pool;
    this.#about = about;
    this.#ready = ready;
    $("key").addEventListener("change", ({ target }) => target.files.length && this.#use(this.#file(target.files[0])));
    $("sheet-form").addEventListener("submit", (event) => this.#submitted(event, () => this.#typed()));
    $("unlock-form").addEventListener("submit", (event) => this.#submitted(event, () => this.#unlock()));
    $("keep-form").addEventListener("submit", (event) => this.#submitted(event, () => this.#keep()));
    $("forget").addEventListener("click", () => this.#forget());
    $("make-key").addEventListener("click", () => this.#make());
    $("print-sheet").addEventListener("click", () => print());
    $("key-saved").addEventListener("change", ({ target }) => ($("begin").disabled = !target.checked));
    $("begin").addEventListener("click", () => this.#begin());
    $("other-key").addEventListener("click", () => this.#show("choose"));
  }

  /** Show what there is to do: open the key that is kept here, choose one, or make one. */
  async offer() {
    const kept = await stored("readonly", (store) => store.get(this.#name)).catch(() => undefined);
    $("unlock-form").hidden = !kept;
    $("forget").hidden = !kept;
    this.#show("choose");
  }

  get #name() {
    return `${this.#about.site}|${this.#about.programme}`;
  }

  #file(secret) {
    return { kind: "use-key", secret, ...this.#about };
  }

  #show(part) {
    for (const one of ["choose", "new", "ready"]) $(`key-${one}`).hidden = one !== part;
  }

  #submitted(event, act) {
    event.preventDefault();
    return act();
  }

  /** Hand a key to the workers and its check value to the hub; say in plain words what is wrong with it. */
  async #use(key) {
    problem("");
    try {
      await this.#ready(await this.#pool.use(key));
      $("keep-form").hidden = key.kind === "unwrap-key";
      this.#show("ready");
    } catch (error) {
      problem(wrong(error, key.kind));
    } finally {
      $("key").value = $("passphrase").value = "";
    }
  }

  async #typed() {
    await this.#use(this.#file(new Blob([$("sheet-text").value])));
    $("sheet-text").value = "";
  }

  async #unlock() {
    const wrapped = await stored("readonly", (store) => store.get(this.#name));
    await this.#use({ kind: "unwrap-key", wrapped, passphrase: $("passphrase").value, ...this.#about });
  }

  /** Keep what a worker has wrapped: without the passphrase it is noise. */
  async #keep() {
    const passphrase = $("new-passphrase").value;
    if ([...passphrase].length < SHORTEST_PASSPHRASE) return problem(say("short-passphrase"), "keep-problem");
    problem("", "keep-problem");
    const { wrapped } = await this.#pool.keep({ kind: "wrap-key", passphrase, ...this.#about });
    await stored("readwrite", (store) => store.put(wrapped, this.#name));
    $("new-passphrase").value = "";
    $("keep-form").hidden = true;
    $("kept").hidden = false;
  }

  async #forget() {
    await stored("readwrite", (store) => store.delete(this.#name));
    await this.offer();
  }

  async #make() {
    this.#made = await this.#pool.keep({ kind: "make-key" });
    const link = $("save-key");
    link.href = URL.createObjectURL(this.#made.file);
    link.download = `fidac-${this.#about.site}-${this.#about.programme}.key`;
    $("sheet-lines").textContent = this.#made.sheet.join("\n");
    $("sheet-check").textContent = this.#made.check_value;
    this.#show("new");
    $("new-title").focus();
  }

  /** The key is saved: only now does the hub hear of it, which takes no other from then on. */
  async #begin() {
    await this.#use(this.#file(this.#made.file));
    if ($("key-ready").hidden) return;
    URL.revokeObjectURL($("save-key").href);
    $("sheet-lines").textContent = "";
    this.#made = null;
  }
}

function problem(text, where = "key-problem") {
  $(where).textContent = text;
  $(where).hidden = !text;
}

function wrong(error, kind) {
  if (error instanceof Refused) return say(error.reason === "other-key" ? "other-key" : "hub-refused", { text: error.message });
  if (error instanceof NoWorkers) return say(kind === "unwrap-key" ? "wrong-passphrase" : "no-key", { text: error.message });
  throw error;
}

/** Do something with the one store of this page's database. */
async function stored(mode, act) {
  const database = await new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  try {
    return await new Promise((resolve, reject) => {
      const asked = act(database.transaction(STORE, mode).objectStore(STORE));
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
  } finally {
    database.close();
  }
}
