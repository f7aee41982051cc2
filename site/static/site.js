// What the pages need beside their theme: figures that enlarge, names and tab stops for those who use no mouse, and
// search results without the words of menus.
(function () {
  const PLAYER = ["play or pause", "stop", "play again and again"]; // buttons of an animation, which bear icons only
  function enlarge(event) {
    const link = event.target.closest("a.kd-enlarge");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const shown = document.createElement("dialog");
    shown.className = "kd-large";
    shown.setAttribute("aria-label", link.querySelector("img").alt);
    const close = document.createElement("button");
    close.textContent = "close";
    const picture = link.querySelector("img").cloneNode();
    picture.removeAttribute("loading");
    shown.append(close, picture);
    shown.addEventListener("click", () => shown.close());
    shown.addEventListener("close", () => shown.remove());
    document.body.append(shown);
    shown.showModal();
  }
  function name(handle) {
    const row = handle.closest(".widget-inline-hbox");
    const label = row && row.querySelector(".widget-label");
    handle.setAttribute("aria-label", (label && label.textContent.trim()) || "position");
  }
  function reach(element) {
    const scrolls = element.scrollWidth > element.clientWidth + 1;
    if (scrolls && !element.hasAttribute("tabindex")) element.tabIndex = 0;
  }
  // The theme gives names that hide what can be read, and none to what opens a part of the menu.
  function rename() {
    document.querySelectorAll(".search-button-field, summary[aria-label='Toggle hidden content']").forEach((element) => {
      element.removeAttribute("aria-label");
    });
    document.querySelectorAll(".has-children > details > summary").forEach((summary) => {
      summary.setAttribute("aria-label", `pages of ${summary.closest("li").querySelector("a").textContent.trim()}`);
    });
  }
  function mend() {
    document.querySelectorAll(".noUi-handle:not([aria-label])").forEach(name);
    document.querySelectorAll(".widget-play").forEach((player) => {
      [...player.querySelectorAll("button")].forEach((button, at) => {
        button.setAttribute("aria-label", PLAYER[at] ?? "play");
      });
    });
    document.querySelectorAll("svg[role=img]:not([aria-label])").forEach((chart) => {
      chart.setAttribute("aria-label", "chart; the list below it holds the same numbers");
    });
    document.querySelectorAll(".bd-article table, .bd-article pre, mjx-container, .widget-html-content").forEach(reach);
  }
  document.addEventListener("click", enlarge);
  document.addEventListener("DOMContentLoaded", () => {
    rename();
    mend();
    new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
    if (typeof Search === "undefined") return;
    Search.htmlToText = (html, anchor) => {
      const page = new DOMParser().parseFromString(html, "text/html");
      page.querySelectorAll(".headerlink, script, style, .cell_input").forEach((element) => element.remove());
      const article = page.querySelector(".bd-article");
      const place = (anchor && article?.querySelector(anchor)) || article;
      return place ? place.textContent.replace(/\s+/g, " ") : "";
    };
  });
  addEventListener("resize", mend);
})();
