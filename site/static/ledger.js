// The ledger of claims: searched by words, and opened at the claim that a link names.
(function () {
  const claims = [...document.querySelectorAll(".kd-claim")];
  const field = document.getElementById("claims-search");
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const claim of claims) {
      const text = claim.textContent.toLowerCase();
      claim.hidden = !words.every((word) => text.includes(word));
      found += !claim.hidden;
    }
    for (const group of document.querySelectorAll(".kd-verdict")) {
      group.hidden = !group.querySelector(".kd-claim:not([hidden])");
      group.open = words.length > 0 && !group.hidden;
    }
    document.getElementById("claims-found").textContent = words.length ? `${found} of ${claims.length} claims` : "";
  });
  function reveal() {
    let place = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!place) return;
    for (let outer = place; outer; outer = outer.parentElement) if (outer.tagName === "DETAILS") outer.open = true;
    place.scrollIntoView();
  }
  addEventListener("hashchange", reveal);
  reveal();
})();
