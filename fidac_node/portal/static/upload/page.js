/** The upload page from its start to the receipt; its state is the `data-state` of `<main>`. */

import { NoWorkers, Pool } from "./check.js";
import { chosen, dropped } from "./files.js";
import { Hub, Refused } from "./hub.js";
import { Key } from "./key.js";
import { Progress, send } from "./send.js";
import { Findings, Review, forgetChoices } from "./studies.js";
import { duration, reason, say } from "./words.js";

const $ = (id) => document.getElementById(id);
const main = document.querySelector("main");
const { site, programme, code } = $("upload").dataset; // pseudonyms begin with the code, as those of the site's node do
const MOST_OFTEN = 200; // milliseconds between two texts of a progress bar
const LONGEST_LABELLED_DAYS = 3650;

class Page {
  #pool = null;
  #hub = null;
  #review = null;
  #findings = new Findings();
  #waiting = null; // files that were chosen before there was a key
  #opened = false;

  async start() {
    this.#state("choosing");
    $("files").addEventListener("change", ({ target }) => this.#chosen(chosen(target.files), target));
    $("archives").addEventListener("change", ({ target }) => this.#chosen(chosen(target.files), target));
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      if (main.dataset.state === "choosing") this.#chosen(dropped(event.dataTransfer));
    });
    $("send-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#guarded(() => this.#send());
    });
    for (const button of document.querySelectorAll(".again")) button.addEventListener("click", () => this.#again());
    for (const id of ["go-on", "try-now"]) $(id).addEventListener("click", () => this.#hub.retry());
    addEventListener("focus", () => $("signed-out").hidden || this.#hub.retry());
    addEventListener("beforeunload", (event) => main.dataset.state === "sending" && event.preventDefault());
    $("save-list").addEventListener("click", () => this.#guarded(() => this.#saveList()));
    await this.#guarded(() => this.#boot());
  }

  /** Fetch what the workers need, and start them while the user looks for the key. */
  async #boot() {
    const manifest = await (await given("/upload/manifest")).json();
    const names = Object.keys(manifest.files).filter((name) => manifest.files[name].boot);
    const [plan, ...contents] = await Promise.all([
      given("/upload/plan").then((answer) => answer.text()),
      ...names.map((name) => whole(manifest.files[name])),
    ]);
    const files = Object.fromEntries(names.map((name, n) => [name, contents[n]]));
    this.#pool = new Pool({ files, plan });
    await this.#pool.start();
    this.#review = new Review(this.#pool, () => this.#chose());
    const about = { site, programme, code };
    await new Key(this.#pool, about, (value) => this.#keyed(value, manifest.digest)).offer();
    $("starting").hidden = true;
  }

  /** The workers have a key: the hub says whether it is the site's. */
  async #keyed(check_value, assets) {
    const opening = { site, programme, check_value, user_agent: navigator.userAgent, assets };
    const hub = new Hub((trouble) => this.#troubled(trouble), opening);
    this.#hub = hub;
    await hub.open();
    this.#opened = true;
    $("check-value").textContent = check_value;
    if (this.#waiting) this.#guarded(() => this.#check());
  }

  async #chosen(finding, field) {
    this.#guarded(async () => {
      this.#waiting = await finding;
      if (field) field.value = "";
      if (this.#opened) await this.#check();
      else this.#tell(say("key-first"));
    });
  }

  async #check() {
    const { items, left } = this.#waiting;
    this.#waiting = null;
    this.#state("checking");
    this.#findings = new Findings();
    for (const one of left) this.#findings.leave(one);
    let done = 0;
    const progress = often(() => {
      if (main.dataset.state !== "checking") return;
      bar($("checked"), done, items.length);
      this.#tell(say("checked", { n: done, of: items.length }));
    });
    await Promise.all(
      items.map(async (item) => {
        const answer = await this.#pool.ask({ kind: "check" }, item);
        this.#findings.note(item, answer);
        done += 1;
        progress();
      }),
    );
    await this.#review.show(this.#findings);
    this.#state("ready");
    this.#tell(say("looked", { n: items.length }));
    this.#chose();
    $("review-title").focus();
  }

  /** Say what is still to be chosen, and what the button will do. */
  #chose() {
    const going = this.#review.going(this.#findings);
    const objects = going.reduce((sum, study) => sum + study.items.length, 0);
    $("send").disabled = !objects;
    $("send").textContent = objects ? say("send", { n: objects }) : say("send-nothing");
  }

  async #send() {
    const studies = this.#review.going(this.#findings);
    if (!complete(studies)) return;
    this.#state("sending");
    $("sending-title").focus();
    const parcels = studies.flatMap(({ uid, items, choice }) => items.map((item) => ({ item, study: uid, label: choice.label })));
    const progress = new Progress(parcels.length);
    const receipt = await this.#filed(studies, parcels, progress);
    forgetChoices();
    this.#done(progress, receipt);
  }

  /** Send until the hub has filed all that it takes; what it has lost meanwhile goes again. */
  async #filed(studies, parcels, progress) {
    for (let rest = parcels; ; ) {
      await send(this.#hub, this.#pool, rest, progress, often((now) => this.#sent(now)));
      this.#sent(progress);
      this.#tell(say("filing"));
      const brought = new Set([...progress.objects.values()].map(({ study }) => study));
      const pcr = results(studies.filter(({ uid }) => brought.has(uid)));
      const said = await this.#hub.complete({ objects: [...progress.objects.keys()], held: this.#held(progress), pcr });
      if (said.receipt) return said;
      const missing = said.others.filter(({ reason }) => reason === "missing").map(({ sha256 }) => sha256);
      rest = missing.map((sha256) => progress.objects.get(sha256));
      for (const sha256 of missing) progress.objects.delete(sha256);
    }
  }

  #sent(progress) {
    bar($("sent"), progress.done, progress.total);
    const { objects, bytes, left } = progress.pace();
    const pace = { n: progress.done, of: progress.total, rate: objects, mb: bytes / 1e6 };
    const known = Number.isFinite(left) && progress.done < progress.total;
    $("pace").textContent = say("pace", pace) + (known ? ` ${say("left", { time: duration(left) })}` : "");
  }

  /** How many stay here, by reason. */
  #held(progress) {
    const counts = new Map();
    const codes = [
      ...this.#findings.held.map(({ code }) => code),
      ...progress.held.map(([, code]) => code),
      ...progress.refused.map(([, error]) => error.reason || `http-${error.status}`),
    ];
    for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
    return [...counts].map(([reason, count]) => ({ reason, count }));
  }

  #done(progress, receipt) {
    $("summary").textContent = say("summary", { sent: progress.sent, there: progress.there, committed: receipt.committed });
    const turned = receipt.others.map(({ sha256, message }) => [progress.objects.get(sha256), message]);
    const refused = progress.refused.map(([parcel, error]) => [parcel, error.message]);
    const held = progress.held.map(([parcel, code]) => [parcel, reason(code)]);
    const lines = [...refused, ...held, ...turned].map(([{ item }, why]) => line(`${item.path}: ${why}`));
    $("not-taken").replaceChildren(...lines);
    $("not-taken-part").hidden = !lines.length;
    $("receipt").href = `/upload/receipts/${encodeURIComponent(receipt.receipt)}`;
    this.#state("done");
    this.#tell("");
    $("done-title").focus();
  }

  /** The list of who is who, encrypted for whoever has the key file. */
  async #saveList() {
    const files = await Promise.all(
      this.#review.going(this.#findings).map(async ({ middle }) => ({ file: await middle.open(), packed: middle.packed, size: middle.size })),
    );
    const { file } = await this.#pool.keep({ kind: "correspondence", files, site, programme });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = `fidac-${site}-${programme}-${new Date().toISOString().slice(0, 10)}.correspondence`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    $("list-saved").hidden = false;
  }

  #again() {
    this.#findings = new Findings();
    $("patients").replaceChildren();
    $("list-saved").hidden = true;
    this.#state("choosing");
    $("choose-title").focus();
  }

  /** Show what is waited for; `""`: it goes on. */
  #troubled({ kind, seconds }) {
    $("signed-out").hidden = kind !== "signed-out";
    $("trouble").hidden = !kind || kind === "signed-out";
    $("trouble").dataset.kind = kind;
    if (!$("trouble").hidden) $("trouble-text").textContent = say(`trouble-${kind}`, { time: duration(seconds) });
  }

  /** Do it; what nobody can go on from is told, and the page has failed. */
  async #guarded(act) {
    try {
      await act();
    } catch (error) {
      $("failure").textContent = failure(error);
      this.#state("failed");
      $("failed-title").focus();
    }
  }

  #state(state) {
    main.dataset.state = state;
    for (const part of document.querySelectorAll("[data-in]")) part.hidden = !part.dataset.in.split(" ").includes(state);
  }

  #tell(text) {
    $("status").textContent = text;
  }
}

/** Whether each study that goes has a label, and days that are a number; the first field that has not gets the focus. */
function complete(studies) {
  for (const { part, choice } of studies) {
    const label = part.querySelector('[data-choice="label"]');
    const days = part.querySelector('[data-choice="days"]');
    const fine = choice.days === "" || Math.abs(Number(choice.days)) <= LONGEST_LABELLED_DAYS;
    label.setCustomValidity(choice.label ? "" : say("label-first"));
    days.setCustomValidity(fine ? "" : say("days-wrong"));
    for (const field of [label, days]) if (!field.reportValidity()) return false;
  }
  return true;
}

function results(studies) {
  return studies
    .filter(({ choice }) => choice.pcr)
    .map(({ uid, choice }) => ({ study: uid, result: choice.pcr, days: choice.days === "" ? null : Math.trunc(Number(choice.days)) }));
}

function failure(error) {
  if (error instanceof Refused) return say("hub-refused", { text: error.message });
  if (error instanceof NoWorkers) return say("no-workers", { text: error.message });
  return say("unexpected", { text: error?.name ?? "" }); // its message may quote a file's name
}

async function given(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Refused(answer.status);
  return answer;
}

/** The content of one file of the manifest. Throws when it is not the one that was signed. */
async function whole({ path, sha256 }) {
  const content = await (await given(path)).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) throw new NoWorkers({ text: path });
  return content;
}

function bar(progress, value, max) {
  progress.max = Math.max(1, max);
  progress.value = value;
}

/** Call `act` at most every so often, with the newest arguments, and once at the end. */
function often(act) {
  let timer = 0;
  let newest = [];
  return (...values) => {
    newest = values;
    timer ||= setTimeout(() => {
      timer = 0;
      act(...newest);
    }, MOST_OFTEN);
  };
}

function line(text) {
  const made = document.createElement("li");
  made.textContent = text;
  return made;
}

if (site) new Page().start();
