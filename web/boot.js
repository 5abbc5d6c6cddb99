// Before the first paint: the chosen theme and language, so that neither flashes, and which page
// the sketch in index.html is of. Afterwards: takes the sketch away, or says what is missing; says
// when the client has crashed; and keeps what is dropped on the page from replacing it.
// Written so that browsers too old for the client understand it.
(function () {
  var root = document.documentElement;
  // Where the site begins: nothing, or what a proxy has put before it, as in "/chat". This file lies
  // at its top.
  var site = [""].concat(document.currentScript.src.split("/").slice(3, -1)).join("/");
  root.setAttribute("data-site", site);
  var lang = navigator.language;
  // As the client names what it stores.
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

  // The browser's own bars follow the chosen theme too.
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

  // A frame that its page has put into a sandbox has no origin, and may load no program.
  var isSandboxed = window.origin === "null";

  // A file that did not come, or a client that does not run here.
  function trouble() {
    var box = document.getElementById(isSandboxed ? "sandboxed" : "trouble");
    if (box && box.hidden) inOneLanguage(box);
  }

  // The client has crashed: the page stands still, and says so over what is there.
  function crash() {
    if (document.getElementById("crash")) return;
    var box = document.getElementById("crashed").content.cloneNode(true).firstChild;
    try {
      var draft = document.getElementById("composer");
      var key = root.getAttribute("data-draft");
      if (draft && key) localStorage[draft.value ? "setItem" : "removeItem"](key, draft.value);
    } catch (storageIsOff) {}
    // What is open over the page would be over this as well.
    document.querySelectorAll("dialog[open]").forEach(function (dialog) { dialog.close(); });
    Array.prototype.forEach.call(document.body.children, function (part) { part.inert = true; });
    inOneLanguage(box);
    document.body.appendChild(box);
    box.querySelector("a").focus();
  }

  var isStarted = false;
  function failed(error) {
    if (!isStarted) return trouble();
    // What goes wrong in an extension of the browser, or with a picture, is no crash of the client.
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

  // A file, a picture or a link that is dropped would replace the page. Text may go into a field.
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
    // Keeps the client for when there is no network. Browsers allow it on secure pages only.
    try {
      if (window.isSecureContext && navigator.serviceWorker) {
        navigator.serviceWorker.register(site + "/sw.js", { updateViaCache: "none" }).catch(function () {});
      }
    } catch (workersAreOff) {}
  });
})();
