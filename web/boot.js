// Before the first paint, sets the theme, the language and the kind of page, so that none of them
// flashes. Later, removes the placeholder of index.html when the client has started, shows an error
// when it has not or has crashed, and keeps dropped files from replacing the page.
// The syntax is old, so that browsers that cannot run the client can run this.
(function () {
  var root = document.documentElement;
  // The path prefix of the site: empty, or the prefix that a proxy adds, as "/chat". This file is at
  // the top of the site.
  var site = [""].concat(document.currentScript.src.split("/").slice(3, -1)).join("/");
  root.setAttribute("data-site", site);
  var lang = navigator.language;
  // The client's prefix for keys of the storage.
  var prefix = "xmeet:" + site.replace(/:/g, "%3A") + "/:";
  try {
    var stored = function (name) {
      return localStorage.getItem(prefix + name) || localStorage.getItem("xmeet." + name);
    };
    var theme = stored("theme");
    if (theme === "dark" || theme === "light") root.setAttribute("data-theme", theme);
    lang = stored("language") || lang;
  } catch (storageIsOff) {}
  root.lang = /^zh/i.test(lang) ? "zh-CN" : "en";
  if (location.pathname.indexOf(site + "/room/") === 0) root.setAttribute("data-page", "room");

  // The bars of the browser follow the chosen theme.
  function colour() {
    var theme = root.getAttribute("data-theme");
    document.querySelectorAll("meta[name=theme-color]").forEach(function (meta, index) {
      meta.content = (theme ? theme === "dark" : index) ? "#111715" : "#f1f5f1";
    });
  }
  colour();
  new MutationObserver(colour).observe(root, { attributeFilter: ["data-theme"] });

  function inOneLanguage(box) {
    box.querySelectorAll(root.lang === "en" ? "[lang=zh-CN]" : "[lang=en]").forEach(function (other) {
      other.parentNode.removeChild(other);
    });
    box.hidden = false;
  }

  // A sandboxed frame has no origin, and must not load a program.
  var isSandboxed = window.origin === "null";

  // A file is missing, or the browser cannot run the client.
  function trouble() {
    var box = document.getElementById(isSandboxed ? "sandboxed" : "trouble");
    if (box && box.hidden) inOneLanguage(box);
  }

  // The client has crashed: shows an error over the page.
  function crash() {
    if (document.getElementById("crash")) return;
    var box = document.getElementById("crashed").content.cloneNode(true).firstChild;
    try {
      var draft = document.getElementById("composer");
      var key = root.getAttribute("data-draft");
      if (draft && key) localStorage[draft.value ? "setItem" : "removeItem"](key, draft.value);
    } catch (storageIsOff) {}
    // An open dialog would cover the error.
    document.querySelectorAll("dialog[open]").forEach(function (dialog) { dialog.close(); });
    Array.prototype.forEach.call(document.body.children, function (part) { part.inert = true; });
    inOneLanguage(box);
    document.body.appendChild(box);
    box.querySelector("a").focus();
  }

  var isStarted = false;
  function failed(error) {
    if (!isStarted) return trouble();
    // An error in an extension of the browser, or of a picture, is no crash of the client.
    var isOfProgram = error && (/wasm/.test(error.stack) ||
      (window.WebAssembly && error instanceof WebAssembly.RuntimeError));
    if (isOfProgram) crash();
  }
  addEventListener("error", function (event) { failed(event.error); }, true);
  addEventListener("unhandledrejection", function (event) { failed(event.reason); });
  addEventListener("xmeet-stopped", function () { (isStarted ? crash : trouble)(); });
  addEventListener("xmeet-started", function () {
    isStarted = true;
    var sketch = document.getElementById("boot");
    sketch.parentNode.removeChild(sketch);
  });

  // A dropped file, picture or link would replace the page. Text may be dropped into a field.
  function guard(event) {
    var types = Array.prototype.slice.call((event.dataTransfer && event.dataTransfer.types) || []);
    var isText = types.indexOf("text/plain") >= 0 && types.indexOf("Files") < 0;
    var field = event.target && event.target.closest && event.target.closest("textarea, input");
    if (isText && field && !field.readOnly && !field.disabled) return;
    event.preventDefault();
    if (event.type === "dragover" && event.dataTransfer) event.dataTransfer.dropEffect = "none";
  }
  addEventListener("dragover", guard);
  addEventListener("drop", guard);

  addEventListener("load", function () {
    if (!window.WebAssembly || isSandboxed) trouble();
    // The worker keeps the client for visits without a network. Browsers allow it on secure pages only.
    try {
      if (window.isSecureContext && navigator.serviceWorker) {
        navigator.serviceWorker.register(site + "/sw.js", { updateViaCache: "none" }).catch(function () {});
      }
    } catch (workersAreOff) {}
  });
})();
