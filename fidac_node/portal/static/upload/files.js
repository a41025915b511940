/**
 * What a person chose or dropped, as a flat list: files of folders and members of zip archives.
 *
 * Nothing is read here but the directory of an archive. Contents go to the sealed workers unread, a packed member as the
 * archive's own slice, so that the browser never copies anything identifiable anywhere.
 */

/**
 * One file to look at. `open` returns the bytes as they lie there, `packed` says how they are compressed, `size` how many
 * bytes they are without.
 *
 * @typedef {{path: string, size: number, packed?: "deflate-raw", open: () => Promise<Blob>}} Item
 */
/** What is not looked at, and the code of the reason. @typedef {{path: string, code: string}} Left */
/** @typedef {{items: Item[], left: Left[]}} Found */

const LARGEST = 1 << 30;
// An honest CT slice rarely passes 10:1; DEFLATE reaches 1032:1.
const MOST_RATIO = 100;
const RATIO_FLOOR = 64 << 20;

// PKWARE's APPNOTE 4.3: end of central directory, its zip64 forms, header of a member in it, header before the member.
const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const MEMBER = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 0x0001;
const UTF_8 = 0x0800;
const ZIP_64 = 0x0001;

// What only systems of offices leave on a medium, without being asked.
const LEFT_OVER = /(^|\/)(\.ds_store|\.localized|\.apdisk|thumbs\.db|ehthumbs\.db|desktop\.ini|\._[^/]*)$/i;
const LEFT_FOLDER =
  /(^|\/)(__macosx|\.spotlight-v100|\.trashes|\.fseventsd|\.temporaryitems|\$recycle\.bin|system volume information)\//i;
const DIRECTORY = /(^|\/)dicomdir[.;\d]*$/i;
const ZIP = /\.zip$/i;
const OTHER_ARCHIVE = /\.(7z|rar|tar|t?gz|bz2|xz|iso|nrg)$/i;

/**
 * Return the files of a list that an `<input type="file">` gave.
 *
 * @param {Iterable<File>} files
 * @returns {Promise<Found>}
 */
export async function chosen(files) {
  return sorted([...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
}

/**
 * Return the files that were dropped, with all that is in dropped folders. Call it in the event itself: a moment later the
 * browser has forgotten what was dropped.
 *
 * @param {DataTransfer} transfer
 * @returns {Promise<Found>}
 */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  return sorted((await Promise.all(entries.map((entry) => below(entry, "")))).flat());
}

async function below(entry, folder) {
  const path = folder + entry.name;
  if (entry.isFile) {
    return [{ path, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A browser gives a hundred at a time, and an empty list at the end.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const one of some) found.push(...(await below(one, `${path}/`)));
  }
}

/** Tell what is to be looked at from what is not, in the order of names. @returns {Promise<Found>} */
async function sorted(files) {
  const found = { items: [], left: [] };
  for (const { path, file } of files.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))) {
    if (ZIP.test(path)) await unpack(path, file, found);
    else sort({ path, size: file.size, open: async () => file }, found);
  }
  return found;
}

/** @param {Item} item @param {Found} found */
function sort(item, found) {
  const code = whyNot(item);
  if (code) found.left.push({ path: item.path, code });
  else found.items.push(item);
}

function whyNot({ path, size }) {
  if (LEFT_OVER.test(path) || LEFT_FOLDER.test(path)) return "left-over";
  if (DIRECTORY.test(path)) return "dicomdir";
  if (OTHER_ARCHIVE.test(path) || ZIP.test(path)) return "archive";
  if (!size) return "empty";
  return size > LARGEST ? "too-large" : "";
}

async function unpack(path, file, found) {
  try {
    for (const member of await members(file)) {
      const inside = `${path}/${member.path}`;
      if (member.code) found.left.push({ path: inside, code: member.code });
      else sort({ ...member, path: inside }, found);
    }
  } catch {
    found.left.push({ path, code: "bad-zip" });
  }
}

/** The files of a zip archive: each an {@link Item}, or what is wrong with it as `code`. Throws for a damaged archive. */
async function members(file) {
  const { count, size, offset } = await directory(file);
  const list = await read(file, offset, size);
  const found = [];
  for (let at = 0, n = 0; n < count; n++) {
    if (list.getUint32(at, true) !== MEMBER) throw new RangeError("no member");
    const lengths = [28, 30, 32].map((field) => list.getUint16(at + field, true));
    const [name, extra, comment] = lengths;
    const flags = list.getUint16(at + 8, true);
    const path = text(list, at + 46, name, flags & UTF_8);
    const place = wide(list, at, at + 46 + name, extra);
    if (!path.endsWith("/")) found.push({ path, size: place.size, ...member(file, place, flags, list.getUint16(at + 10, true)) });
    at += 46 + name + extra + comment;
  }
  return found;
}

function member(file, { packed, size, offset }, flags, method) {
  if (flags & ENCRYPTED) return { code: "password" };
  if (method !== STORED && method !== DEFLATED) return { code: "packing" };
  if (size > RATIO_FLOOR && size > packed * MOST_RATIO) return { code: "bomb" };
  const open = async () => {
    const head = await read(file, offset, 30);
    if (head.getUint32(0, true) !== LOCAL) throw new RangeError("no member");
    const start = offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
    return file.slice(start, start + packed);
  };
  return method === DEFLATED ? { open, packed: "deflate-raw" } : { open };
}

/** Where the central directory is, and how many members it names. */
async function directory(file) {
  const from = Math.max(0, file.size - END_BYTES - LONGEST_COMMENT);
  const tail = await read(file, from, file.size - from);
  let at = tail.byteLength - END_BYTES;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0) throw new RangeError("no end");
  if (at >= 20 && tail.getUint32(at - 20, true) === LOCATOR_64) {
    const end = await read(file, Number(tail.getBigUint64(at - 12, true)), 56);
    if (end.getUint32(0, true) !== END_64) throw new RangeError("no end");
    const [count, size, offset] = [32, 40, 48].map((field) => Number(end.getBigUint64(field, true)));
    return { count, size, offset };
  }
  return { count: tail.getUint16(at + 10, true), size: tail.getUint32(at + 12, true), offset: tail.getUint32(at + 16, true) };
}

/** Sizes and offset of a member, from its zip64 field where they need eight bytes (APPNOTE 4.5.3). */
function wide(list, at, extra, length) {
  const place = { size: list.getUint32(at + 24, true), packed: list.getUint32(at + 20, true), offset: list.getUint32(at + 42, true) };
  for (let field = extra; field + 4 <= extra + length; field += 4 + list.getUint16(field + 2, true)) {
    if (list.getUint16(field, true) !== ZIP_64) continue;
    let value = field + 4;
    for (const name of ["size", "packed", "offset"]) {
      if (place[name] === 0xffffffff) {
        place[name] = Number(list.getBigUint64(value, true));
        value += 8;
      }
    }
  }
  return place;
}

async function read(file, offset, length) {
  return new DataView(await file.slice(offset, offset + length).arrayBuffer());
}

function text(view, offset, length, utf8) {
  return new TextDecoder(utf8 ? "utf-8" : "windows-1252").decode(new Uint8Array(view.buffer, view.byteOffset + offset, length));
}
