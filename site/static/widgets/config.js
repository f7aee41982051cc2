// The base of the AMD modules is this folder, so that html-manager finds its fonts here from any page, and from file://.
(function () {
  const base = document.currentScript.src.replace(/config\.js.*$/, "");
  window.require.config({ baseUrl: base, waitSeconds: 60 });
})();

// html-manager asks for mathematics in labels as MathJax 2 did; hand its request to MathJax 3, whenever that is ready.
(function () {
  let mathjax = window.MathJax;
  const Hub = { Queue: ([, , element]) => mathjax?.typesetPromise?.([element]) };
  const withHub = (given) => (given && !given.Hub ? Object.assign(given, { Hub }) : given);
  Object.defineProperty(window, "MathJax", {
    configurable: true,
    get: () => withHub(mathjax),
    set: (given) => (mathjax = given),
  });
})();
