// A stack of pictures for a quick look: the wheel goes through slices, dragging changes the window.
//
// Frames are rendered by the hub (WADO-RS, PS3.18 10.4.1.1.3) in the window that is asked for, as PNG, so that what is seen is
// what the hub's engine made, to the last bit. Words come from the page, which has them in the reader's language.
"use strict";

const KEPT = 160; // pictures in memory; one of 512 by 512 is a megabyte
const AHEAD = 12; // slices that are fetched before they are asked for
const AT_ONCE = 4;
const SPEED = 2; // Hounsfield units for each pixel of a drag
const NOTCH = 40; // of a wheel or a touchpad, for one slice
const STRIDE = 10; // slices of PageUp and PageDown
const LEAST_WIDTH = 1;

class Viewer {
  constructor(root) {
    this.root = root;
    this.canvas = root.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    this.slider = root.querySelector("[data-slice]");
    this.paths = [];
    this.base = "";
    this.at = 0;
    this.direction = 1;
    this.window = null; // [centre, width], or the picture's own
    this.own = null; // what the first picture has in its header
    this.kept = new Map(); // address -> ImageBitmap, the latest used last
    this.wanted = new Map(); // address -> what ends its fetching
    this.turned = 0;
    this.listen();
    const first = root.querySelector("[data-stack]");
    if (first) this.open(first);
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.onDown(event));
    canvas.addEventListener("pointermove", (event) => this.onMove(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (this.held = null));
    canvas.addEventListener("dblclick", () => this.look(null));
    canvas.addEventListener("keydown", (event) => this.onKey(event));
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value) - 1));
    for (const button of this.root.querySelectorAll("[data-preset]"))
      button.addEventListener("click", () => this.look(windowOf(button)));
    for (const link of this.root.querySelectorAll("[data-stack]"))
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return; // in a tab of its own, as any link
        event.preventDefault();
        this.open(link);
        canvas.focus({ preventScroll: true });
      });
    const whole = this.root.querySelector("[data-whole]");
    if (whole && document.fullscreenEnabled)
      whole.addEventListener("click", () => {
        if (document.fullscreenElement) document.exitFullscreen();
        else this.root.requestFullscreen();
      });
    else if (whole) whole.hidden = true;
  }

  // Take the stack that a link of the page names, and show its middle, where the lungs are.
  async open(link) {
    this.forget();
    this.state("loading");
    for (const other of this.root.querySelectorAll("[data-stack]")) other.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    const address = link.dataset.stack;
    this.stack = address;
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.status);
      const stack = await answer.json();
      if (this.stack !== address) return; // another was opened meanwhile
      [this.base, this.paths, this.own] = [stack.base, stack.paths, stack.window];
    } catch {
      return this.fail();
    }
    this.slider.max = Math.max(this.paths.length, 1);
    this.slider.disabled = this.paths.length < 2;
    if (!this.paths.length) return this.fail();
    this.go(Math.floor((this.paths.length - 1) / 2));
  }

  forget() {
    for (const ending of this.wanted.values()) ending.abort();
    for (const picture of this.kept.values()) picture.close();
    this.wanted.clear();
    this.kept.clear();
    this.paths = [];
  }

  // Show slice `number`, from 0; what is beyond the ends is the end.
  go(number) {
    const last = this.paths.length - 1;
    const at = Math.min(Math.max(number, 0), last);
    if (last < 0) return;
    this.direction = at < this.at ? -1 : 1;
    this.at = at;
    this.slider.value = at + 1;
    this.show();
  }

  // Show the slice in another window, [centre, width]; null is what the object itself says.
  look(wanted) {
    this.window = wanted;
    for (const button of this.root.querySelectorAll("[data-preset]"))
      button.setAttribute("aria-pressed", String(same(windowOf(button), wanted)));
    this.show();
  }

  address(number) {
    const query = this.window ? `?window=${this.window[0]},${this.window[1]},linear` : "";
    return this.base + this.paths[number] + query;
  }

  show() {
    if (!this.paths.length) return;
    const address = this.address(this.at);
    this.tell();
    if (this.kept.has(address)) return this.draw(address);
    this.state("loading");
    this.prefetch();
  }

  // Fetch the slice that is looked at and those that come next, a few at a time; what nobody wants any more is let go.
  prefetch() {
    const next = [];
    for (let step = 0; step <= AHEAD; step += 1) {
      const number = this.at + step * this.direction;
      if (number >= 0 && number < this.paths.length) next.push(this.address(number));
    }
    for (const [address, ending] of this.wanted)
      if (!next.includes(address)) {
        ending.abort();
        this.wanted.delete(address);
      }
    for (const address of next) {
      if (this.wanted.size >= AT_ONCE) return;
      if (!this.kept.has(address) && !this.wanted.has(address)) this.fetch(address);
    }
  }

  async fetch(address) {
    const ending = new AbortController();
    this.wanted.set(address, ending);
    try {
      const answer = await fetch(address, { headers: { Accept: "image/png" }, signal: ending.signal });
      if (!answer.ok) throw new Error(answer.status);
      const picture = await createImageBitmap(await answer.blob());
      if (ending.signal.aborted) return picture.close();
      this.keep(address, picture);
    } catch {
      if (ending.signal.aborted) return;
      this.wanted.delete(address);
      if (address === this.address(this.at)) this.fail();
      return;
    }
    this.wanted.delete(address);
    if (address === this.address(this.at)) this.draw(address);
    else this.prefetch();
  }

  keep(address, picture) {
    this.kept.set(address, picture);
    const [oldest] = this.kept.keys();
    if (this.kept.size > KEPT) {
      this.kept.get(oldest).close();
      this.kept.delete(oldest);
    }
  }

  draw(address) {
    const picture = this.kept.get(address);
    this.kept.delete(address);
    this.kept.set(address, picture); // the latest used
    if (this.canvas.width !== picture.width || this.canvas.height !== picture.height) {
      this.canvas.width = picture.width;
      this.canvas.height = picture.height;
    }
    this.context.drawImage(picture, 0, 0);
    this.state("shown", address);
    this.prefetch();
  }

  onWheel(event) {
    if (event.ctrlKey || !this.paths.length) return; // the page is zoomed
    event.preventDefault();
    this.turned += event.deltaMode ? event.deltaY * NOTCH : event.deltaY;
    const slices = Math.trunc(this.turned / NOTCH);
    this.turned -= slices * NOTCH;
    if (slices) this.go(this.at + Math.sign(slices) * Math.min(Math.abs(slices), 3));
  }

  onDown(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    const touches = event.pointerType === "touch";
    this.held = { x: event.clientX, y: event.clientY, touches, at: this.at, window: this.window ?? this.own ?? [40, 400] };
  }

  // A mouse changes the window: to the right wider, upwards brighter. A finger goes through slices.
  onMove(event) {
    if (!this.held || !event.buttons) return;
    const [right, down] = [event.clientX - this.held.x, event.clientY - this.held.y];
    if (this.held.touches) return this.go(this.held.at + Math.round(right / 6));
    if (!right && !down) return;
    const [centre, width] = this.held.window;
    const wanted = [Math.round(centre + down * SPEED), Math.max(LEAST_WIDTH, Math.round(width + right * SPEED))];
    if (!same(wanted, this.window)) this.look(wanted);
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const presets = [...this.root.querySelectorAll("[data-preset]")];
    const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: STRIDE, PageUp: -STRIDE };
    if (event.key in steps) this.go(this.at + steps[event.key]);
    else if (event.key === "Home") this.go(0);
    else if (event.key === "End") this.go(this.paths.length - 1);
    else if (presets[Number(event.key) - 1]) this.look(windowOf(presets[Number(event.key) - 1]));
    else return;
    event.preventDefault();
  }

  tell() {
    const place = this.root.querySelector("[data-place]");
    const shown = this.window ?? this.own;
    place.textContent = `${this.at + 1} / ${this.paths.length}`;
    this.root.querySelector("[data-window]").textContent = shown ? `C ${shown[0]} · W ${shown[1]}` : "";
    this.slider.setAttribute("aria-valuetext", place.textContent);
  }

  // What tests, and the style sheet, know of it.
  state(state, address = "") {
    this.root.dataset.state = state;
    this.root.dataset.shown = address;
    this.root.querySelector("[data-trouble]").hidden = state !== "failed";
  }

  fail() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.state("failed");
  }
}

function windowOf(button) {
  return button.dataset.preset ? button.dataset.preset.split(",").map(Number) : null;
}

function same(one, other) {
  return String(one) === String(other);
}

for (const root of document.querySelectorAll("[data-viewer]")) root.viewer = new Viewer(root);
