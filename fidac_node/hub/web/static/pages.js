// What the pages do better with JavaScript; without it each of these links is a link.
//
// A link with data-take-in="ID" brings what its page has in [data-taken-in] into the element of that id. It is read as a document
// by XMLHttpRequest, in which no script runs, so that nothing here makes HTML of text (Trusted Types).
"use strict";

function takeIn(link) {
  const place = document.getElementById(link.dataset.takeIn);
  const request = new XMLHttpRequest();
  request.open("GET", link.href);
  request.responseType = "document";
  place.setAttribute("aria-busy", "true");
  request.onloadend = () => {
    place.removeAttribute("aria-busy");
    const found = request.status === 200 && request.response && request.response.querySelector("[data-taken-in]");
    if (!found) {
      window.location = link.href; // it says itself what is wrong
      return;
    }
    place.replaceChildren(...[...found.childNodes].map((node) => document.importNode(node, true)));
    place.focus({ preventScroll: true });
    place.scrollIntoView({ block: "nearest" });
  };
  request.send();
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("a[data-take-in]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  takeIn(link);
});
