/** What the page says, in its language: the server writes it into `<template id="words">`, this fills in names and numbers. */

const root = document.documentElement;
const numbers = new Intl.NumberFormat(root.lang || "en", { maximumFractionDigits: 1 });
const said = new Map(
  [...document.querySelector("#words").content.querySelectorAll("[data-word]")].map((one) => [
    one.dataset.word,
    one.textContent.trim().replace(/\s+/g, " "),
  ]),
);

/**
 * Return a sentence with its `{names}` filled in.
 *
 * @param {string} word which one
 * @param {Record<string, string | number>} values
 */
export function say(word, values = {}) {
  const sentence = said.get(word) ?? word;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? numbers.format(value) : value;
  });
}

/** Say why something stays here, by its code; what no sentence was written for is said in general. */
export function reason(code) {
  return said.get(`held-${code}`) ?? say("held-error");
}

/** Say how long something takes: seconds below two minutes, then minutes. */
export function duration(seconds) {
  return seconds < 120
    ? say("seconds", { n: Math.max(1, Math.round(seconds)) })
    : say("minutes", { n: Math.round(seconds / 60) });
}
