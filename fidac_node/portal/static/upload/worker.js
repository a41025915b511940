// The sealed worker: the site's key and whatever names a patient live here alone, and nothing here can speak to a
// network. Its Content-Security-Policy has connect-src 'none' and takes scripts from blobs alone (portal/assets.py);
// the page hands over all that is needed, in `boot`. The engine is the node's own, in Pyodide (portal/inside.py).

const PYODIDE = "pyodide/";
const PACK = "/engine";
const IN_MEMORY = 32 * 1024 * 1024; // bytes: a larger file is read in pieces, and its pixels are not copied
const ITERATIONS = 1_000_000; // of PBKDF2 with SHA-256; OWASP asks for 600,000
const DICOM = "application/dicom";

let python, inside, bench, plan, secret;

class Refused extends Error {} // its words are for the user: what happened, and what to do next
class Held extends Error { constructor(code, text) { super(text); this.code = code; } }

const hex = buffer => Array.from(new Uint8Array(buffer), one => one.toString(16).padStart(2, "0")).join("");
const ours = ({ site, programme }) => new TextEncoder().encode(`${site}|${programme}`);

// --- the start

async function load(content) {
  const address = URL.createObjectURL(new Blob([content], { type: "text/javascript" }));
  try { return await import(address); } finally { URL.revokeObjectURL(address); }
}

const shut = async () => { throw new TypeError("sealed: nothing is fetched here"); };

// Pyodide asks for two files by address as it starts, and gets what the page handed over; there is no way to any other.
function serve(files, module) {
  self.fetch = async asked => {
    const address = String(asked?.url ?? asked);
    if (address.endsWith("/python_stdlib.zip")) return new Response(files[PYODIDE + "python_stdlib.zip"]);
    return address.endsWith("/pyodide.asm.wasm") ? new Response() : shut();
  };
  WebAssembly.instantiateStreaming = async (_, imports) => ({ module, instance: await WebAssembly.instantiate(module, imports) });
}

async function boot({ files, plan: text, snapshot, module: compiled, keep, ...about }) {
  const began = performance.now();
  const module = compiled ?? await WebAssembly.compile(files[PYODIDE + "pyodide.asm.wasm"]);
  serve(files, module);
  const [{ loadPyodide }, { default: createPyodideModule }] =
    await Promise.all([load(files[PYODIDE + "pyodide.mjs"]), load(files[PYODIDE + "pyodide.asm.mjs"])]);
  const { info } = JSON.parse(new TextDecoder().decode(files[PYODIDE + "pyodide-lock.json"]));
  python = await loadPyodide({
    indexURL: new URL(PYODIDE, self.location.href).href,
    packageBaseUrl: self.location.origin,
    lockFileContents: { info, packages: {} },
    createPyodideModule,
    ...(snapshot ? { _loadSnapshot: snapshot } : {}),
    ...(keep && !snapshot ? { _makeSnapshot: true } : {}),
  });
  self.fetch = shut;
  python.unpackArchive(files["engine.zip"], "zip", { extractDir: PACK });
  plan = text;
  let kept;
  if (!snapshot) {
    python.runPython(`import sys; sys.path.insert(0, "${PACK}"); import fidac_node.portal.inside`);
    take(python.pyimport("fidac_node.portal.inside"), all => all.planned(plan)?.destroy());
    kept = keep ? python.makeMemorySnapshot() : undefined;
  }
  inside = python.pyimport("fidac_node.portal.inside");
  const check_value = about.secret ? await use(about) : undefined;
  return [{ kind: "ready", check_value, ms: Math.round(performance.now() - began), module, snapshot: kept }, kept ? [kept.buffer] : []];
}

// --- the key

async function use({ secret: given, ...about }) {
  const content = given instanceof Blob ? new Uint8Array(await given.arrayBuffer()) : given;
  const { held, said, head } = unpacked(inside.read_secret(content));
  if (held) throw new Refused(said);
  return start(head, about);
}

function start(found, { site, programme, code = "" }) {
  bench?.destroy();
  secret = found;
  bench = inside.Bench(plan, secret, site, programme, code);
  return inside.check(secret);
}

function makeKey() {
  let made;
  do made = crypto.getRandomValues(new Uint8Array(32)); while (inside.problem(made));
  const { content, sheet, check_value } = JSON.parse(inside.written(made));
  return [{ kind: "key", file: new Blob([content], { type: "text/plain" }), sheet, check_value }];
}

async function wrapping(passphrase, salt, iterations) {
  const base = await crypto.subtle.importKey("raw", new TextEncoder().encode(passphrase.normalize("NFC")), "PBKDF2", false, ["deriveKey"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return crypto.subtle.deriveKey(how, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

async function wrap({ passphrase, ...about }) {
  if (!secret) throw new Refused("There is no key yet: choose the key file first.");
  const salt = crypto.getRandomValues(new Uint8Array(16)), iv = crypto.getRandomValues(new Uint8Array(12));
  const key = await wrapping(passphrase, salt, ITERATIONS);
  const content = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: ours(about) }, key, secret);
  return [{ kind: "wrapped", wrapped: { format: 1, iterations: ITERATIONS, salt, iv, content: new Uint8Array(content) } }];
}

async function unwrap({ wrapped, passphrase, ...about }) {
  const { salt, iv, iterations, content } = wrapped;
  const key = await wrapping(passphrase, salt, iterations);
  let opened;
  try {
    opened = await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: ours(about) }, key, content);
  } catch {
    throw new Refused("This passphrase does not open the key that is kept here. Try again, or choose the key file.");
  }
  return [{ kind: "unwrapped", check_value: start(new Uint8Array(opened), about) }];
}

// --- objects

// A member of a zip archive lies packed in it: it is inflated here, so that the browser keeps no copy of it anywhere.
async function inflated({ file, packed, size }) {
  const whole = new Uint8Array(size), stream = file.stream().pipeThrough(new DecompressionStream(packed));
  let at = 0;
  try {
    for await (const piece of stream) {
      whole.set(piece, at); // a RangeError for more than was said
      at += piece.length;
    }
  } catch {
    at = -1;
  }
  if (at !== size) throw new Held("bad-zip", "the archive does not hold what it says");
  return { size, whole };
}

// What the engine reads of a file: a small one at once, a large one piece by piece.
function opened(file) {
  const reader = new FileReaderSync();
  const whole = file.whole ?? (file.size <= IN_MEMORY ? new Uint8Array(reader.readAsArrayBuffer(file)) : null);
  const read = (start, length) =>
    whole ? whole.subarray(start, start + length) : new Uint8Array(reader.readAsArrayBuffer(file.slice(start, start + length)));
  return { size: file.size, whole, read };
}

function take(proxy, act) {
  try { return act(proxy); } finally { proxy.destroy(); }
}

const unpacked = done => take(done, one => {
  const [held, said, head, start, stop, study] = one.toJs({ create_pyproxies: false });
  return { held, said, head, start, stop, study };
});

function asked(act) {
  if (!bench) throw new Refused("There is no key yet: choose the key file first.");
  return unpacked(act(bench));
}

// An object that does not go on: held for a reason, or nobody knows (a module is missing).
const stopped = ({ held, said, study }, id) =>
  held === "failed" ? [{ kind: "failed", id, text: said }] : [{ kind: "held", id, code: held, text: said, study }];

function check({ id, file }) {
  const done = asked(one => one.check(opened(file)));
  return done.held ? stopped(done, id) : [{ kind: "checked", id, ...JSON.parse(done.said) }];
}

async function deidentify({ id, file, label, label_source }) {
  const input = opened(file), pieces = [];
  const put = piece => { pieces.push(new Blob([piece.toJs()])); };
  const done = asked(one => one.deidentify(input, label, label_source, put));
  if (done.held) return stopped(done, id);
  const { start, stop } = done;
  const copied = input.whole ? input.whole.subarray(start, stop) : file.slice(start, stop);
  const blob = new Blob([...pieces, done.head, copied], { type: DICOM });
  const { sha256 = hex(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer())), ...facts } = JSON.parse(done.said);
  return [{ kind: "done", id, blob, sha256, ...facts }];
}

function header({ id, file, label, label_source }) {
  const done = asked(one => one.header(opened(file), label, label_source));
  return done.held ? stopped(done, id) : [{ kind: "header", id, rows: JSON.parse(done.said) }];
}

function picture({ id, file }) {
  const { held, said, head } = asked(one => one.picture(opened(file)));
  if (held) return [{ kind: "no-picture", id, text: said }];
  const rgba = new Uint8ClampedArray(4 * head.length).fill(255);
  head.forEach((grey, pixel) => rgba.fill(grey, 4 * pixel, 4 * pixel + 3));
  return [{ kind: "picture", id, ...JSON.parse(said), rgba: rgba.buffer }, [rgba.buffer]];
}

// Who is behind the pseudonyms of some studies, of each one file: for whoever has the key, and nobody else.
async function correspondence({ id, files }) {
  const studies = [];
  for (const one of files) {
    const input = opened(one.packed ? await inflated(one) : one.file);
    const { held, said } = asked(bench => bench.correspondent(input));
    if (held) throw new Held(held, said);
    studies.push(JSON.parse(said));
  }
  const first = new TextEncoder().encode(`fidac-correspondence-1 ${inside.check(secret)}\n`);
  const key = await crypto.subtle.importKey("raw", asked(one => one.list_key()).head, "AES-GCM", false, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12)), content = new TextEncoder().encode(JSON.stringify(studies));
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: first }, key, content));
  const letters = Array.from([...iv, ...sealed], byte => String.fromCharCode(byte)).join("");
  return [{ kind: "correspondence", id, file: new Blob([first, btoa(letters), "\n"]) }];
}

// --- one request after the other

const ACTS = {
  boot, check, deidentify, header, picture, correspondence,
  "use-key": async about => [{ kind: "ready", check_value: await use(about) }],
  "make-key": makeKey, "wrap-key": wrap, "unwrap-key": unwrap,
};

// No text of an error that nobody foresaw: it may quote a value.
const words = error => error instanceof Refused ? error.message
  : error instanceof RangeError || /MemoryError|out of memory/i.test(`${error?.type} ${error?.message}`)
    ? "There was not enough memory for it: close other tabs, and try again."
    : `It failed unexpectedly (${error?.type ?? error?.name ?? "error"}): try again; if it stays, tell who runs the hub.`;

// What the browser says of a file that is not there any more (File API 4.4).
const UNREADABLE = ["NotReadableError", "NotFoundError"];

async function answer(request) {
  const { kind, id } = request;
  try {
    const file = request.packed ? await inflated(request) : request.file;
    const [reply, handed = []] = await ACTS[kind]({ ...request, file });
    self.postMessage({ id, ...reply }, handed);
  } catch (error) {
    const code = error instanceof Held ? error.code : UNREADABLE.includes(error?.name) ? "unreadable" : "";
    self.postMessage(code ? { kind: "held", id, code, text: error.message } : { kind: "failed", id, about: kind, text: words(error) });
  }
}

let last = Promise.resolve();
self.onmessage = ({ data }) => { last = last.then(() => answer(data)); };
