// Before the first paint: the chosen theme and language, so that neither flashes, and which page
// the sketch in index.html is of. Afterwards: takes the sketch away, or says what is missing.
// Written so that browsers too old for the client understand it.
(function () {
  var root = document.documentElement;
  // Where the site begins: nothing, or what a proxy has put before it, as in "/chat". This file lies
  // at its top.
  var site = [""].concat(document.currentScript.src.split("/").slice(3, -1)).join("/");
  root.setAttribute("data-site", site);
  var lang = navigator.language;
  try {
    var theme = localStorage.getItem("xmeet.theme");
    if (theme === "dark" || theme === "light") root.setAttribute("data-theme", theme);
    lang = localStorage.getItem("xmeet.language") || lang;
  } catch (storageIsOff) {}
  root.lang = /^zh/i.test(lang) ? "zh-CN" : "en";
  if (location.pathname.indexOf(site + "/room/") === 0) root.setAttribute("data-page", "room");

  // The browser's own bars follow the chosen theme too.
  function colour() {
    var theme = root.getAttribute("data-theme");
    document.querySelectorAll("meta[name=theme-color]").forEach(function (meta, index) {
      meta.content = (theme ? theme === "dark" : index) ? "#111715" : "#f1f5f1";
    });
  }
  colour();
  new MutationObserver(colour).observe(root, { attributeFilter: ["data-theme"] });

  // A file that did not come, or a client that does not run here.
  function trouble() {
    var box = document.getElementById("trouble");
    if (!box || !box.hidden) return;
    box.removeChild(box.querySelector(root.lang === "en" ? "[lang=zh-CN]" : "[lang=en]"));
    box.hidden = false;
  }
  addEventListener("error", trouble, true);
  addEventListener("unhandledrejection", trouble);
  addEventListener("TrunkApplicationStarted", function () {
    var sketch = document.getElementById("boot");
    sketch.parentNode.removeChild(sketch);
  });

  addEventListener("load", function () {
    if (!window.WebAssembly) trouble();
    // Keeps the client for when there is no network. Browsers allow it on secure pages only.
    if (window.isSecureContext && navigator.serviceWorker) {
      navigator.serviceWorker.register(site + "/sw.js", { updateViaCache: "none" }).catch(function () {});
    }
  });
})();
