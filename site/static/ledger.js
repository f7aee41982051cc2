// The ledger of claims: sorted by its headings, searched by words, filtered by verdict.
(function () {
  const VERDICT = 3; // column
  const table = new simpleDatatables.DataTable("#ledger", {
    paging: false,
    labels: { placeholder: "search the claims", searchTitle: "search the claims", noRows: "no such claim" },
    // the whole text: "shown" is not "shown, other size"
    columns: [{ select: VERDICT, searchMethod: (terms, cell) => terms.includes(cell.text ?? String(cell.data)) }],
  });
  const chosen = document.getElementById("verdict");
  chosen.addEventListener("change", () =>
    table.multiSearch(chosen.value ? [{ terms: [chosen.value], columns: [VERDICT] }] : [], "verdict"),
  );
})();
