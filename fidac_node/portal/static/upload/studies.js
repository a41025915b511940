/**
 * What was found, patient by patient and study by study: what will go, what stays here and why, one header before and
 * after, a slice, and what a person says of the case.
 *
 * What is shown before names the patient: it is put on the screen, and nowhere else.
 */

import { reason, say } from "./words.js";

const CHOICES = "fidac-upload-choices";
// Whoever looks at a study wants to know whose it is.
const NAMING = ["PatientName", "PatientID", "PatientBirthDate", "StudyDate", "StudyDescription"];
const LONGEST_LIST = 100;

const $ = (id) => document.getElementById(id);

/** What was found in the files: studies by their new UIDs, and what stays here. */
export class Findings {
  /** @type {Map<string, Study>} */
  studies = new Map();
  /** @type {{path: string, code: string, text: string}[]} */
  held = [];
  #seen = new Set();

  /** Note a file that no worker looks at. @param {import("./files.js").Left} left */
  leave({ path, code }) {
    this.held.push({ path, code, text: "" });
  }

  /** Note what a worker said of a file. @param {import("./files.js").Item} item */
  note(item, answer) {
    if (answer.kind !== "checked") return this.#hold(item, answer.code ?? "failed", answer);
    if (this.#seen.has(answer.uid)) return this.#hold(item, "twice", { study: answer.study });
    this.#seen.add(answer.uid);
    this.#study(answer).add(item, answer);
  }

  /** The studies of each patient, by pseudonym. @returns {Map<string, Study[]>} */
  patients() {
    const patients = new Map();
    for (const study of this.studies.values()) {
      if (!study.items.length) continue;
      if (!patients.has(study.pseudonym)) patients.set(study.pseudonym, []);
      patients.get(study.pseudonym).push(study);
    }
    return patients;
  }

  #study({ study, pseudonym }) {
    if (!this.studies.has(study)) this.studies.set(study, new Study(study, pseudonym));
    return this.studies.get(study);
  }

  #hold({ path }, code, { text = "", study = "" }) {
    const held = { path, code, text };
    const of = this.studies.get(study);
    if (of) of.held.push(held);
    this.held.push(held);
  }
}

/** One study, by the UID and the pseudonym that it gets. */
export class Study {
  constructor(uid, pseudonym) {
    this.uid = uid;
    this.pseudonym = pseudonym;
    this.items = []; // of all series
    this.series = new Map(); // description and items, by UID
    this.held = [];
    this.bytes = 0;
    this.choice = { label: "", pcr: "", days: "" };
    this.goes = true;
  }

  add(item, { series, bytes, facts }) {
    if (!this.series.has(series)) this.series.set(series, { ...facts, items: [] });
    this.series.get(series).items.push({ item, order: Number(facts.instance_number) || 0 });
    this.items.push(item);
    this.bytes += bytes ?? item.size;
  }

  /** The middle slice of the longest series. @returns {import("./files.js").Item} */
  get middle() {
    const [longest] = [...this.series.values()].sort((a, b) => b.items.length - a.items.length);
    const sorted = longest.items.sort((a, b) => a.order - b.order);
    return sorted[sorted.length >> 1].item;
  }
}

/** What a person said of studies before the tab was closed: by new UIDs, so that nobody can tell whose they are. */
const remembered = {
  all() {
    try {
      return JSON.parse(localStorage.getItem(CHOICES)) ?? {};
    } catch {
      return {};
    }
  },
  keep(study) {
    localStorage.setItem(CHOICES, JSON.stringify({ ...this.all(), [study.uid]: study.choice }));
  },
};

/** Forget them: all is at the hub. */
export function forgetChoices() {
  localStorage.removeItem(CHOICES);
}

/** Show the findings; `changed` is called whenever a person has chosen something. */
export class Review {
  #pool;
  #changed;
  #confirmed = new Map();

  constructor(pool, changed) {
    this.#pool = pool;
    this.#changed = changed;
  }

  /** @param {Findings} findings */
  async show(findings) {
    this.#confirmed.clear();
    const patients = findings.patients();
    $("patients").replaceChildren(...[...patients].map(([pseudonym, studies], n) => this.#patient(pseudonym, studies, n, patients.size)));
    $("several").hidden = patients.size < 2;
    stays($("held"), findings.held);
    $("nothing").hidden = patients.size > 0;
    for (const studies of patients.values()) for (const study of studies) await this.#look(study);
  }

  /** The studies that go: chosen, and of a patient whom a person has confirmed. */
  going(findings) {
    return [...findings.patients()].flatMap(([pseudonym, studies]) =>
      this.#confirmed.get(pseudonym) ? studies.filter((study) => study.goes) : [],
    );
  }

  #patient(pseudonym, studies, number, of) {
    const part = copy("patient");
    this.#confirmed.set(pseudonym, of === 1);
    fill(part, "number", say("patient", { n: number + 1, of }));
    fill(part, "pseudonym", pseudonym);
    const confirm = part.querySelector(".confirm");
    confirm.hidden = of === 1;
    confirm.querySelector("input").addEventListener("change", ({ target }) => {
      this.#confirmed.set(pseudonym, target.checked);
      this.#changed();
    });
    part.querySelector(".studies").append(...studies.map((study) => this.#study(study)));
    return part;
  }

  #study(study) {
    const part = copy("study");
    part.dataset.study = study.uid;
    study.choice = { ...study.choice, ...remembered.all()[study.uid] };
    fill(part, "count", say("goes", { n: study.items.length, series: study.series.size, mb: study.bytes / 1e6 }));
    part.querySelector(".series").append(...[...study.series.values()].map(seriesRow));
    stays(part.querySelector(".held"), study.held);
    for (const field of part.querySelectorAll("[data-choice]")) {
      const name = field.dataset.choice;
      field.id = `${name}-${study.uid}`;
      part.querySelector(`label[data-for="${name}"]`).htmlFor = field.id;
      field.value = study.choice[name];
      field.addEventListener("change", () => {
        study.choice[name] = field.value;
        remembered.keep(study);
        this.#changed();
      });
    }
    part.querySelector(".goes").addEventListener("change", ({ target }) => {
      study.goes = target.checked;
      this.#changed();
    });
    study.part = part;
    return part;
  }

  /** One slice, and its header before and after. */
  async #look(study) {
    const item = study.middle;
    const label = study.choice.label || "unknown";
    const [header, picture] = await Promise.all([
      this.#pool.ask({ kind: "header", label, label_source: "portal" }, item, { urgent: true }),
      this.#pool.ask({ kind: "picture" }, item, { urgent: true }),
    ]);
    if (header.kind === "header") {
      const rows = () => study.part.querySelector(".rows").append(...header.rows.map(headerRow));
      study.part.querySelector(".before-after").addEventListener("toggle", rows, { once: true });
      whose(study.part.querySelector(".whose"), header.rows);
    }
    draw(study.part, picture);
  }
}

function whose(list, rows) {
  for (const keyword of NAMING) {
    const row = rows.find(([, name, before]) => name === keyword && before);
    if (row) list.append(element("dt", say(`is-${keyword}`)), element("dd", row[2]));
  }
}

function draw(part, picture) {
  const canvas = part.querySelector("canvas");
  const none = part.querySelector(".no-picture");
  canvas.hidden = picture.kind !== "picture";
  none.hidden = !canvas.hidden;
  if (canvas.hidden) return;
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(picture.rgba), picture.width, picture.height), 0, 0);
}

function seriesRow({ description, modality, rows, columns, items }) {
  const row = document.createElement("tr");
  row.append(element("td", description || "–"), element("td", modality), element("td", `${columns} × ${rows}`), element("td", items.length));
  return row;
}

function headerRow([tag, keyword, before, after, action]) {
  const row = document.createElement("tr");
  row.className = action;
  row.append(element("th", keyword || tag), element("td", before ?? ""), element("td", after ?? ""), element("td", say(`action-${action}`)));
  row.firstChild.scope = "row";
  row.firstChild.title = tag;
  return row;
}

/** List what stays here, reason by reason, the most frequent first. */
function stays(place, held) {
  const byCode = Map.groupBy(held, ({ code }) => code);
  const codes = [...byCode].sort((a, b) => b[1].length - a[1].length);
  place.hidden = !held.length;
  place.querySelector(".reasons").replaceChildren(
    ...codes.map(([code, files]) => {
      const part = copy("reason");
      part.dataset.code = code;
      fill(part, "count", files.length);
      fill(part, "why", reason(code));
      const lines = files.slice(0, LONGEST_LIST).map(({ path, text }) => element("li", text ? `${path}: ${text}` : path));
      if (files.length > LONGEST_LIST) lines.push(element("li", say("and-more", { n: files.length - LONGEST_LIST })));
      part.querySelector(".files").append(...lines);
      return part;
    }),
  );
}

function copy(template) {
  return $(`${template}-template`).content.firstElementChild.cloneNode(true);
}

function fill(part, name, text) {
  part.querySelector(`[data-fill="${name}"]`).textContent = text;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
