// Before the first paint: the chosen theme and language, so that neither flashes.
(function () {
  try {
    var root = document.documentElement;
    var theme = localStorage.getItem("xmeet.theme");
    if (theme === "dark" || theme === "light") root.setAttribute("data-theme", theme);
    var lang = localStorage.getItem("xmeet.language") || navigator.language || "en";
    root.lang = /^zh/i.test(lang) ? "zh-CN" : "en";
  } catch (storageIsOff) {}
})();
