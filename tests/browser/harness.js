// What the worker's tests do in a page: boot workers as the upload page does, and ask them.
const FILES = ["pyodide/pyodide.mjs", "pyodide/pyodide.asm.mjs", "pyodide/pyodide.asm.wasm", "pyodide/python_stdlib.zip",
  "pyodide/pyodide-lock.json", "engine.zip"];
const policy = window.trustedTypes?.createPolicy("fidac-worker", { createScriptURL: address => address });
const ADDRESS = "/portal/upload/worker.js";

function worker() {
  const made = new Worker(policy ? policy.createScriptURL(ADDRESS) : ADDRESS, { type: "module" });
  const waiting = new Map();
  let last = 0;
  made.onmessage = ({ data }) => { waiting.get(data.id)(data); waiting.delete(data.id); };
  return request => new Promise(resolve => { waiting.set(++last, resolve); made.postMessage({ ...request, id: last }); });
}

// Two workers under one key, the second from the snapshot of the first.
window.boot = async about => {
  const files = Object.fromEntries(await Promise.all(
    FILES.map(async name => [name, await (await fetch(`/portal/${name}`)).arrayBuffer()])));
  const [one, two] = [worker(), worker()];
  const first = await one({ kind: "boot", files, keep: true, ...about });
  const { module, snapshot } = first;
  const second = await two({ kind: "boot", files, module, snapshot, ...about });
  window.workers = [one, two];
  return [first, second].map(({ kind, check_value, ms, text }) => ({ kind, check_value, ms, text }));
};

// The SHA-256 of what each chosen file becomes, or why it is held; each worker takes every second one.
window.deidentify = async (label, label_source) => {
  const files = [...document.querySelector("#files").files], found = new Array(files.length);
  await Promise.all(window.workers.map(async (ask, which) => {
    for (let at = which; at < files.length; at += window.workers.length) {
      const done = await ask({ kind: "deidentify", file: files[at], label, label_source });
      found[at] = done.kind === "done" ? done.sha256 : `${done.kind}: ${done.text}`;
    }
  }));
  return found;
};

window.ask = (which, request) => window.workers[which](request);
document.querySelector("main").dataset.state = "choosing";
